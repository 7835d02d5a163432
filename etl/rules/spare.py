"""Spare: the display name or the location contains a spare word, ignoring case, or the node class
is a spare class."""


def spare(
    display_name: str | None,
    location: str | None,
    node_class: str | None,
    words: tuple[str, ...],
    node_classes: tuple[str, ...],
) -> str | None:
    """Why the device is spare; None when it is not."""
    for word in words:
        for label, text in (("display name", display_name), ("location", location)):
            if text and word.casefold() in text.casefold():
                return f'{label} "{text}" contains "{word}"'
    if node_class in node_classes:
        return f"node class is {node_class}"
    return None
