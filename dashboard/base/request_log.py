"""The log line of a request, and the header in which its answer names the correlation id."""

import logging

log = logging.getLogger("dashboard.access")

HEADER = "X-Correlation-Id"


def log_request(
    level: int,
    method: str,
    path: str,
    status: int,
    *,
    query: str,
    size: int,
    seconds: float,
    address: str,
    actor: str,
) -> None:
    """Log one answered request, `size` in bytes; logged in the name of its correlation id."""
    fields = {
        "method": method,
        "path": path,
        "query": query,
        "status": status,
        "bytes": size,
        "ms": round(seconds * 1000, 1),
        "address": address,
        "actor": actor,
    }
    log.log(level, "%s %s %s", method, path, status, extra={"fields": fields})
