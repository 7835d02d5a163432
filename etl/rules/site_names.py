"""Two site names are the same customer when they are equal after normalising: NFKD, case folded,
punctuation and spaces collapsed, & = and, legal forms at the end ignored."""

import re
import unicodedata

LEGAL_FORMS = frozenset(
    "llc inc incorporated ltd limited gmbh ltda sa ag bv nv plc co corp corporation company llp lp "
    "pllc pc eireli me epp sl srl spa sarl sas oy ab as aps kg ohg ug pty".split()
)
# "L.L.C." and "S/A" are one word with dots in it, not three.
_INITIALS = re.compile(r"\b(?:\w[./]){1,}\w\b\.?")


def match_name(name: str) -> str:
    """A site name in comparable form."""
    text = unicodedata.normalize("NFKD", name)
    text = "".join(letter for letter in text if not unicodedata.combining(letter)).casefold()
    text = _INITIALS.sub(lambda initials: re.sub(r"[./]", "", initials.group()), text)
    text = re.sub(r"['’`]", "", text.replace("&", " and "))
    words = re.sub(r"[\W_]+", " ", text).split()
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    return " ".join(words) or name.strip().casefold()
