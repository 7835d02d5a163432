"""Billing status: excluded when the source does not manage the record or its site is internal,
spare when the spare rule says so, else billable."""

from etl.rules import Verdict
from etl.rules.spare import spare

STATUSES = ("billable", "spare", "excluded")


def billing_status(
    *,
    unmanaged: str | None,
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
        internal_site: the name of the record's site when that site is internal.
    """
    if unmanaged:
        return Verdict("excluded", unmanaged)
    if internal_site:
        return Verdict("excluded", f"site {internal_site} is internal")
    why = spare(display_name, location, node_class, spare_words, spare_node_classes)
    if why:
        return Verdict("spare", why)
    return Verdict("billable", "managed by its source and not spare")
