"""One record per kind of decision that a person can request on a page.

A record is a class: its class variables say what the kind is (see `Decision`), its fields are the
arguments. To add a kind, add its class here, a handler in `etl/decisions` (or in
`etl/work/handlers.py` when it needs the worker's sources), and, when it is confirmed in a dialog, a
proposal in `dashboard/decisions/proposals`. A test checks that each kind has what its record says.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)
from sqlalchemy import Connection

from db.decision_sites import (
    Sites,
    sites_of_acceptance,
    sites_of_finding,
    sites_of_machines,
    sites_of_neighbours,
)
from db.history.kept import FIRST_MONTH, is_month
from db.roles import ADMINISTRATOR, MANAGER
from db.rules import Rules
from db.sources import source_names
from db.thresholds import are_thresholds

LONGEST_TEXT = 200
MOST_ENTRIES = 2000
"""Entries of one setting of the rules at most: as many as there may be sites."""

STORED = "stored"
"""The context in which a stored job is validated: this process may not know its source."""

UNDO_UNFOUNDED_LINKS = "undo_unfounded_links"
"""The action in the audit log with which the program itself ends links whose evidence is none by
newer rules. It restates days as a decision does."""

KINDS: "dict[str, type[Decision]]" = {}
"""Every kind by its name, as `jobs.kind` and `audit_log.action` store it."""

_CONTROL = re.compile(r"[\x00-\x1f\ud800-\udfff]")
"""What no text may hold: control characters, and halves of characters, which nothing can store."""

RULE_FIELDS = frozenset(field.name for field in fields(Rules)) - {"version"}


class InvalidDecision(ValueError):
    """There is no such kind, or these are not its arguments; the text says which."""


def mark(text: str) -> str:
    """Mark an English text for translation; the dashboard translates it when it is shown."""
    return text


T = TypeVar("T")


def _check(is_valid: Callable[[T], bool]) -> Callable[[T], T]:
    def check(value: T) -> T:
        if not is_valid(value):
            raise ValueError("not valid here")
        return value

    return check


def _is_text(value: str) -> bool:
    return 0 < len(value.strip()) <= LONGEST_TEXT and not _CONTROL.search(value)


def _check_source(value: str, info: ValidationInfo) -> str:
    if value not in source_names() and info.context != STORED:
        raise ValueError("no source of this name is registered")
    return value


def _are_sources(values: list[str]) -> bool:
    return set(values) <= set(source_names()) and len(set(values)) == len(values)


def _parse_day(value: object) -> date:
    """A day as JSON has it, '2026-10-31' and no other way of writing it."""
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or date.fromisoformat(value).isoformat() != value:
        raise ValueError("write the day like 2026-10-31")
    return date.fromisoformat(value)


def _check_month(value: str) -> str:
    if not is_month(value):
        raise ValueError(f"write the month like 2026-10, not before {FIRST_MONTH}")
    return value


def _are_rules(rules: "dict[str, list[Text]]") -> bool:
    return (
        rules.keys() == RULE_FIELDS
        and all(len(entries) <= MOST_ENTRIES for entries in rules.values())
        and _are_sources(rules["expected_sources"])
        and _are_sources(rules["source_order"])
        and len(rules["source_order"]) == len(source_names())
    )


Id = Annotated[int, Field(gt=0, lt=2**63)]
Day = Annotated[date, BeforeValidator(_parse_day)]
Month = Annotated[str, AfterValidator(_check_month)]
Text = Annotated[str, AfterValidator(_check(_is_text))]
Source = Annotated[str, AfterValidator(_check_source)]
Sources = Annotated[list[str], AfterValidator(_check(_are_sources))]
RuleValues = Annotated[dict[str, list[Text]], AfterValidator(_check(_are_rules))]
"""Every field of `db.rules.Rules` but the version."""
ThresholdValues = Annotated[dict[str, int], AfterValidator(_check(are_thresholds))]


class Decision(BaseModel):
    """What a person requests. Subclasses are the kinds; instances carry checked arguments."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    kind: ClassVar[str]
    label: ClassVar[str] = ""
    """In English, for the audit log; empty for what is never written there."""
    doing: ClassVar[str]
    """In English, what somebody does who decides it, for "... needs the role manager"."""
    role: ClassVar[str] = MANAGER
    """The least role that may request it."""
    checks_administrator: ClassVar[bool] = False
    """Whether the run that it is about may demand an administrator."""
    confirmed: ClassVar[bool] = True
    """Whether a dialog says what will happen first; otherwise it is requested at once."""
    restates: ClassVar[bool] = False
    """Whether it changes every day after the newest closed month."""
    undoable: ClassVar[bool] = False
    previewed: ClassVar[bool] = False
    """Whether the worker tries it on a copy first, so that the dialog can show the effect."""

    inside_sites: ClassVar[bool] = False
    """Whether people who see only some sites may request it where `sites_touched` are theirs."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        KINDS[cls.kind] = cls

    @classmethod
    def argument_names(cls) -> tuple[str, ...]:
        """The names of the arguments, as JSON has them."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    def sites_touched(self, connection: Connection, first: date) -> Sites | None:
        """The sites of what it changes on the days from `first` on; None: any."""
        return None

    def arguments(self) -> dict[str, Any]:
        """The arguments as JSON values."""
        return self.model_dump(mode="json", by_alias=True)


class Collect(Decision):
    kind = "collect"
    label = mark("Collect now")
    doing = mark("Collecting")
    confirmed = False

    source: Source


class AcceptRun(Decision):
    kind = "accept_run"
    doing = mark("Accepting a run")
    label = mark("Accept a run")
    checks_administrator = True

    run_id: Id


class RejectRun(Decision):
    kind = "reject_run"
    doing = mark("Rejecting a run")
    label = mark("Reject a run")

    run_id: Id
    reason: Text


class WithdrawDay(Decision):
    kind = "withdraw_day"
    doing = mark("Withdrawing a day")
    label = mark("Withdraw a day")
    role = ADMINISTRATOR

    source: Source
    day: Day


class EndSource(Decision):
    kind = "end_source"
    doing = mark("Ending a source")
    label = mark("End a source")
    role = ADMINISTRATOR

    source: Source


class CloseMonth(Decision):
    kind = "close_month"
    doing = mark("Closing a month")
    label = mark("Close a month")

    month: Month


class ReopenMonth(Decision):
    kind = "reopen_month"
    doing = mark("Reopening a month")
    label = mark("Reopen a month")
    role = ADMINISTRATOR
    previewed = True

    month: Month
    reason: Text


class LinkDevices(Decision):
    """The machines of two devices are one."""

    kind = "link_devices"
    doing = mark("Linking records")
    inside_sites = True
    label = mark("Link two records")
    restates = undoable = previewed = True

    device_id: Id
    other_device_id: Id

    def sites_touched(self, connection: Connection, first: date) -> Sites | None:
        """Those of all records of the two machines."""
        return sites_of_machines(connection, (self.device_id, self.other_device_id), first)


class SplitDevice(Decision):
    """A device is not the machine that it is linked to."""

    kind = "split_device"
    doing = mark("Splitting off a record")
    inside_sites = True
    label = mark("Split off a record")
    restates = undoable = previewed = True

    device_id: Id

    def sites_touched(self, connection: Connection, first: date) -> Sites | None:
        """Those of its machine, whose records the rules may link otherwise then."""
        return sites_of_neighbours(connection, (self.device_id,), first)


class KeepApart(Decision):
    """Two devices are two machines, which no rule may link."""

    kind = "keep_apart"
    doing = mark("Keeping records apart")
    inside_sites = True
    label = mark("Keep two records apart")
    restates = undoable = previewed = True

    device_id: Id
    other_device_id: Id

    def sites_touched(self, connection: Connection, first: date) -> Sites | None:
        """Those of all records of the two machines."""
        return sites_of_machines(connection, (self.device_id, self.other_device_id), first)


class MergeSites(Decision):
    kind = "merge_sites"
    doing = mark("Merging sites")
    label = mark("Merge sites")
    restates = undoable = previewed = True

    site_id: Id
    into: Id


class MoveAlias(Decision):
    """What one source calls a site belongs to another site; None: to a new one."""

    kind = "move_alias"
    doing = mark("Moving a site's name")
    label = mark("Move a site's name")
    restates = undoable = previewed = True

    source: Source
    alias_key: Text
    site_id: Id | None


class ConfirmSite(Decision):
    """Sites that wait for review are customers of their own, each with its entry in the log."""

    kind = "confirm_site"
    doing = mark("Confirming a site")
    label = mark("Keep a site as its own")
    confirmed = False
    undoable = True

    site_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_ENTRIES)]


class ExpectSources(Decision):
    """The sources that a site should have; None: those that the rules name."""

    kind = "expect_sources"
    doing = mark("Changing what a site is expected to have")
    inside_sites = True
    label = mark("Change what a site is expected to have")
    undoable = previewed = True

    site_id: Id
    sources: Sources | None

    def sites_touched(self, connection: Connection, first: date) -> Sites | None:
        """The site."""
        return frozenset({self.site_id})


class SaveRules(Decision):
    kind = "save_rules"
    doing = mark("Saving rules")
    label = mark("Save rules")
    restates = undoable = previewed = True

    rules: RuleValues
    reason: Text


class SaveThresholds(Decision):
    kind = "save_thresholds"
    doing = mark("Changing thresholds")
    label = mark("Save thresholds")
    role = ADMINISTRATOR

    thresholds: ThresholdValues
    reason: Text


class AcceptFinding(Decision):
    """A coverage finding is accepted until its facts change or `expires` has passed."""

    kind = "accept_finding"
    doing = mark("Accepting a coverage finding")
    inside_sites = True
    label = mark("Accept a coverage finding")
    undoable = True

    finding_id: Id
    reason: Text
    expires: Day | None

    def sites_touched(self, connection: Connection, first: date) -> Sites | None:
        """Those of the records that it compares."""
        return sites_of_finding(connection, self.finding_id, first)


class WithdrawAcceptance(Decision):
    kind = "withdraw_acceptance"
    doing = mark("Withdrawing an acceptance")
    inside_sites = True
    label = mark("Withdraw an acceptance")

    exception_id: Id

    def sites_touched(self, connection: Connection, first: date) -> Sites | None:
        """Those of the records that the finding compares."""
        return sites_of_acceptance(connection, self.exception_id, first)


class Undo(Decision):
    """An undoable decision is taken back, by its entry of the audit log."""

    kind = "undo"
    doing = mark("Undoing a decision")
    label = mark("Undo")
    previewed = True

    entry_id: Id


class Preview(Decision):
    """What another decision would change; the preview lane finds out, and nothing is written."""

    kind = "preview"
    doing = mark("Trying a decision")
    confirmed = False

    job: Annotated[str, AfterValidator(_check(lambda kind: is_previewed(kind)))]
    with_arguments: dict[str, Any] = Field(alias="with")

    def decision(self) -> Decision:
        """The decision that is tried.

        Raises:
            InvalidDecision: its arguments are not those of its kind.
        """
        return parse(self.job, self.with_arguments)


def is_previewed(kind: str) -> bool:
    """Whether there is a kind of this name that can be previewed."""
    return kind in KINDS and KINDS[kind].previewed


def parse(kind: str, arguments: Mapping[str, Any], context: str | None = None) -> Decision:
    """The decision of a kind with these JSON values as its arguments.

    Args:
        context: `STORED` for a job of the table, whose source may not be registered any more.

    Raises:
        InvalidDecision: there is no such kind, or these are not its arguments.
    """
    decision = KINDS.get(kind)
    if decision is None:
        raise InvalidDecision(f"There is no job {kind[:40]!r}.")
    names = decision.argument_names()
    if arguments.keys() != set(names):
        raise InvalidDecision(f"The job {kind} takes {', '.join(names)}.")
    try:
        parsed = decision.model_validate(dict(arguments), context=context)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        value = str(arguments[name])[:40]
        raise InvalidDecision(f"{name} of the job {kind} cannot be {value!r}.") from error
    if isinstance(parsed, Preview):
        parsed.decision()  # raises if its own arguments are not valid
    return parsed


def restating_kinds() -> tuple[str, ...]:
    """The names of the kinds that change days which were counted already, and of what the program
    itself does so."""
    kinds = (name for name, decision in KINDS.items() if decision.restates)
    return *kinds, UNDO_UNFOUNDED_LINKS
