"""Why a report is not taken: a status, a word for programs, a sentence for people."""

from typing import Any


class Refusal(Exception):
    """An answer other than 2xx."""

    def __init__(
        self,
        status: int,
        reason: str,
        sentence: str,
        *,
        retry_after: int | None = None,
        fields: list[str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason
        self.sentence = sentence
        self.retry_after = retry_after
        self.fields = fields

    def payload(self) -> dict[str, Any]:
        """What the answer's body says."""
        body = {"error": self.sentence, "code": self.status, "reason": self.reason}
        return body | ({"fields": self.fields} if self.fields else {})


def malformed(sentence: str, fields: list[str] | None = None) -> Refusal:
    """The body can never be accepted."""
    return Refusal(400, "malformed", sentence, fields=fields)


def unavailable() -> Refusal:
    """Nothing was stored; the same report may be sent again."""
    return Refusal(
        503, "unavailable", "The database cannot be written now. Send it again.", retry_after=10
    )


def busy() -> Refusal:
    """More is waiting than can be promised to be stored in time."""
    return Refusal(503, "busy", "Too much is waiting to be stored. Send it again.", retry_after=5)
