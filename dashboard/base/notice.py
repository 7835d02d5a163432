"""Sentences that a query has to say, written in English and translated when they are shown."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Notice:
    """An English sentence with named places (`%(source)s`) and what to put there.

    `dashboard.base.i18n.translate_notice` shows it in the reader's language; `str(notice)` is the
    English. `level` is "info", "warning" or "error"; `run_id` leads to the run it is about.
    """

    text: str
    values: dict[str, object] = field(default_factory=dict)
    level: str = "info"
    run_id: int | None = None

    def __str__(self) -> str:
        return self.text % self.values if self.values else self.text


def mark(text: str) -> str:
    """`text` itself, marked so that the message catalogue picks it up."""
    return text
