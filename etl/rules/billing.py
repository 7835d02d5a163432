"""Billing status: excluded when the source does not manage the record or its site is internal,
spare when the spare rule says so, else billable."""

from etl.rules import Verdict

STATUSES = ("billable", "spare", "excluded")


def billing_status(
    *,
    unmanaged: str | None,
    added_by_hand: bool | None,
    internal_site: str | None,
    display_name: str | None,
    location: str | None,
    node_class: str | None,
    spare_words: tuple[str, ...],
    spare_node_classes: tuple[str, ...],
) -> Verdict:
    """The billing status of a record, one of `STATUSES`.

    Args:
        unmanaged: why the source does not manage the record now, None when it does.
        added_by_hand: whether a person added it, which changes nothing but is said in the reason.
        internal_site: the name of the record's site when that site is internal.
    """
    spare_reason = spare(display_name, location, node_class, spare_words, spare_node_classes)
    if unmanaged:
        verdict = Verdict("excluded", unmanaged)
    elif internal_site:
        verdict = Verdict("excluded", f"site {internal_site} is internal")
    elif spare_reason:
        verdict = Verdict("spare", spare_reason)
    elif added_by_hand:
        return Verdict("billable", "added by hand and not spare")
    else:
        verdict = Verdict("billable", "managed by its source and not spare")
    return verdict._replace(reason=f"{verdict.reason}; added by hand") if added_by_hand else verdict


def spare(
    display_name: str | None,
    location: str | None,
    node_class: str | None,
    words: tuple[str, ...],
    node_classes: tuple[str, ...],
) -> str | None:
    """Why a device is spare; None if it is not.

    The spare rule: its display name or its location contains a spare word, ignoring case, or its
    node class is a spare class.
    """
    for word in words:
        for label, text in (("display name", display_name), ("location", location)):
            if text and word.casefold() in text.casefold():
                return f'{label} "{text}" contains "{word}"'
    if node_class in node_classes:
        return f"node class is {node_class}"
    return None
