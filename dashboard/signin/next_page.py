"""Where a person goes after signing in: only to an address of this server."""

from urllib.parse import urlsplit

from dashboard.base.access import SIGN_IN, SIGN_OUT


def safe_next(text: str | None) -> str:
    """`text` if it is a path of ours, else the Overview.

    Browsers take a backslash for a slash and drop tabs and line breaks, so that `/\\host` and
    `/<tab>/host` would lead elsewhere.
    """
    path = text or ""
    is_plain = path.isascii() and path.isprintable() and "\\" not in path and " " not in path
    if not is_plain or not path.startswith("/") or path.startswith("//"):
        return "/"
    try:
        parts = urlsplit(path)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path in (SIGN_IN, SIGN_OUT):
        return "/"
    return path
