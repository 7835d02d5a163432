"""Error answers: an HTTP status, a reason for programs, a sentence for people."""

from typing import Any


class Refusal(Exception):
    """A request that is answered with an error. `fields` names the wrong keys of the body."""

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
        """The JSON body."""
        body = {"error": self.sentence, "code": self.status, "reason": self.reason}
        return body | ({"fields": self.fields} if self.fields else {})


def malformed(sentence: str, fields: list[str] | None = None) -> Refusal:
    """400: sending the same body again cannot help."""
    return Refusal(400, "malformed", sentence, fields=fields)


def unavailable() -> Refusal:
    """503: the database failed and nothing was stored; the report may be sent again."""
    return Refusal(
        503, "unavailable", "The database cannot be written now. Send it again.", retry_after=10
    )


def busy() -> Refusal:
    """503: too many reports are pending."""
    return Refusal(503, "busy", "Too much is waiting to be stored. Send it again.", retry_after=5)
