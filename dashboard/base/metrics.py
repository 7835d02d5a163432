"""What this process counts while it serves, for Prometheus; `dashboard.api.metrics` answers it
together with what stands in the database."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters of one server. Every label has few values, whatever strangers send."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "inventory_hub_request_seconds",
            "Time until a request was answered whole, by route; machines' reports stand apart.",
            ("method", "route", "status"), registry=self.registry, buckets=_BUCKETS,
        )  # fmt: skip
        reports = Counter(
            "inventory_hub_reports",
            "Reports of machines, by what became of them.",
            ("result",), registry=self.registry,
        )  # fmt: skip
        self._reports = {
            result: reports.labels(result) for result in ("stored", "refused", "unavailable")
        }

    def note_request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count an answer. `route`: its pattern, None where there is none."""
        labels = (method if method in _METHODS else "other", route or "none", str(status))
        self._requests.labels(*labels).observe(seconds)

    def note_stored(self, reports: int) -> None:
        """Count reports that were stored."""
        self._reports["stored"].inc(reports)

    def note_refused(self, status: int) -> None:
        """Count a report, or a batch, that was refused with this status."""
        self._reports["unavailable" if status >= 500 else "refused"].inc()
