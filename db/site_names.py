"""Two site names are the same customer when they are equal after normalising: case folded, accents
of Latin, Greek and Cyrillic letters dropped, punctuation and spaces collapsed, initials joined, & =
and, legal forms at the end ignored."""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

LEGAL_FORMS = frozenset(
    "llc inc incorporated ltd limited gmbh ltda sa ag bv nv plc co corp corporation company llp lp "
    "pllc pc eireli me epp sl srl spa sarl sas oy ab as aps kg ohg ug pty".split()
)
_ACCENTED_SCRIPTS = ("LATIN ", "GREEK ", "CYRILLIC ")


class NamedSite(NamedTuple):
    """A site with its name. `root`: the site that it was merged into; else itself."""

    site_id: int
    root: int
    name: str


def closest_sites(name: str, alike: Collection[NamedSite]) -> set[int]:
    """The ids of the sites that a name may mean, of those whose normalised name is equal to its:
    those that are spelt exactly so, else those that one spelt exactly so was merged into, else
    all. More than one is for a person to decide."""
    exact = [site for site in alike if site.name == name]
    standing = {site.root for site in exact if site.root == site.site_id}
    return standing or {site.root for site in exact} or {site.root for site in alike}


def sites_to_join(
    names: Mapping[str, str], sites: Collection[NamedSite], taken: Collection[int]
) -> dict[str, int]:
    """The existing site that each new alias of a source joins; an alias without an entry gets a
    site of its own.

    Args:
        names: alias key -> the source's name.
        sites: all sites.
        taken: sites that have a live alias of the source, which no other joins.
    """
    by_name: dict[str, list[NamedSite]] = {}
    for site in sites:
        by_name.setdefault(match_name(site.name), []).append(site)
    taken, joins = set(taken), {}
    for key, name in sorted(names.items()):
        alike = by_name.get(match_name(name), [])
        closest = closest_sites(name, [site for site in alike if site.root not in taken])
        if len(closest) == 1:
            joins[key] = closest.pop()
            taken.add(joins[key])
    return joins


@lru_cache(maxsize=1 << 14)
def match_name(name: str) -> str:
    """A site name in comparable form."""
    # Twice, as folding the case may give letters that decompose further.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    text = re.sub(r"['’`]", "", "".join(_without_accents(text)).replace("&", " and "))
    text = "".join(letter if _is_in_words(letter) else " " for letter in text)
    words = [word for part in text.split() for word in _join_initials(re.split("[./]", part))]
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    return unicodedata.normalize("NFC", " ".join(words)) or name.strip().casefold()


def _without_accents(decomposed: str) -> Iterator[str]:
    """The characters without marks on letters that people also write without them. In other scripts
    a mark makes another letter: in Japanese ha and pa differ by it."""
    is_dropped = False
    for letter in decomposed:
        if not unicodedata.combining(letter):
            is_dropped = unicodedata.name(letter, "").startswith(_ACCENTED_SCRIPTS)
        elif is_dropped:
            continue
        yield letter


def _is_in_words(letter: str) -> bool:
    """Whether it is a letter, a digit or a mark, or the dot or slash that initials are written
    with. Marks are vowels in Devanagari."""
    return letter in "./" or unicodedata.category(letter)[0] in "LN" or _is_mark(letter)


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "M"


def _join_initials(parts: list[str]) -> Iterator[str]:
    """The words of a text that was split at dots and slashes: letters that stand alone side by side
    are initials, "L.L.C." and "S/A" one word each. Digits are none: "1.2" is not "12"."""
    initials = ""
    for part in parts:
        if part[:1].isalpha() and all(map(_is_mark, part[1:])):
            initials += part
            continue
        if initials:
            yield initials
            initials = ""
        if part:
            yield part
    if initials:
        yield initials
