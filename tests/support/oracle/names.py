"""Rules 12 and 13: when two names, serial numbers or sites are the same."""

import re
import unicodedata
from functools import cache

LEGAL_FORMS = {
    "llc", "inc", "ltd", "gmbh", "ltda", "sa", "corp", "co", "plc", "ag", "kg", "limited",
    "incorporated", "corporation",
}  # fmt: skip
GIVEN_TO_EVERYONE = {
    "localhost", "iphone", "ipad", "macbook-pro", "macbook-air", "android", "raspberrypi",
}  # fmt: skip
ADDRESS = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\d)")
PLACEHOLDERS = ("to be filled", "default string", "not specified", "system serial number")
MARKED_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


def hostname(text: str | None) -> str | None:
    """Rule 12: trimmed, before `|`, before the first dot, casefolded; None: it is no evidence."""
    if text is None:
        return None
    whole = text.split("|")[0].strip()
    name = whole.split(".")[0].strip().casefold()
    if not name or name.isdigit() or ADDRESS.match(whole) or name in GIVEN_TO_EVERYONE:
        return None
    return name


def domain(text: str | None) -> str:
    """Rule 12, "two full names with different domains": what follows the first dot."""
    return (text or "").split("|")[0].strip().partition(".")[2].casefold()


def serial(text: str | None) -> str | None:
    """Rule 12: without case, spaces and punctuation; None unless real by its form."""
    bare = "".join(c for c in (text or "").casefold() if c.isalnum())
    if not bare or len(set(bare)) == 1 or not any(c.isdigit() for c in bare):
        return None
    if any(phrase in (text or "").casefold() for phrase in PLACEHOLDERS):
        return None
    digits = re.sub(r"^[a-z]+", "", bare)
    if len(digits) >= 5 and digits in "01234567890123456789":
        return None
    return bare


def share_a_word(left: str | None, right: str | None) -> bool:
    """Rule 12: words are split at what is no letter or digit."""

    def words(text: str | None) -> set[str]:
        return set(re.findall(r"[^\W_]+", (text or "").casefold()))

    return bool(words(left) & words(right))


@cache
def site(text: str) -> str:
    """Rule 13: the name under which two organizations are the same customer."""
    folded, keeps_marks = "", True
    for character in unicodedata.normalize("NFD", text.casefold()):
        if unicodedata.combining(character):
            folded += character if keeps_marks else ""
            continue
        keeps_marks = not unicodedata.name(character, "").startswith(MARKED_SCRIPTS)
        folded += character
    folded = unicodedata.normalize("NFC", folded).replace("&", " and ")
    # Initials are letters: "A.B. Motors" is "AB Motors", "Lot 1.2" is not "Lot 12".
    folded = re.sub(
        r"\b(?:[^\W\d_]\.\s?){2,}", lambda found: re.sub(r"[.\s]", "", found[0]) + " ", folded
    )
    words = "".join(
        c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in folded
    ).split()
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    return " ".join(words)
