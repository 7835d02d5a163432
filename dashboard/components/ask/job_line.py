"""Requested jobs and their progress: a line each, on every page."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.components.kit.drawn import drawn_list
from dashboard.words.decision_words import action_word
from db import jobs
from db.decisions import (
    AcceptRun,
    CloseMonth,
    Collect,
    EndSource,
    RejectRun,
    ReopenMonth,
    WithdrawDay,
)
from db.jobs import Job
from db.sources import source_label

POLL_MILLISECONDS = 1_000
WORKER_GRACE = timedelta(seconds=15)
"""How long a job may wait before the page suggests to start a worker."""


def job_lines() -> list[Component]:
    """The place of the lines, the ids of the jobs requested here, and the interval that polls while
    something is unfinished."""
    return [
        dcc.Store(id="asked", data=[], storage_type="session"),
        dcc.Store(id="settled", data=""),
        dcc.Interval(id="jobs-poll", interval=POLL_MILLISECONDS, disabled=True),
        html.Div(
            [
                html.Div(id="jobs-lines"),
                html.Button(
                    id="jobs-away", className="btn-close", type="button",
                    title=_("Take these lines away"),
                    **{"aria-label": _("Take these lines away")},
                ),
            ],
            id="jobs",
            className="strip jobs",
            role="status",
            hidden=True,
        ),
    ]  # fmt: skip


def lines(jobs: Sequence[Job], now: datetime) -> Component:
    """A line for each job."""
    return drawn_list(_line(job, now) for job in jobs)


def _line(job: Job, now: datetime) -> Component:
    state, level = _state(job)
    return html.Div(
        [
            html.Span(state, className=f"pill pill-{job.state}"),
            html.Strong(name(job)),
            html.Span(_detail(job, now), className="job-said"),
        ],
        className=f"job {level}",
    )


def _state(job: Job) -> tuple[str, str]:
    return {
        jobs.WAITING: (_("waiting"), "info"),
        jobs.RUNNING: (_("under way"), "info"),
        jobs.DONE: (_("done"), "info"),
        jobs.FAILED: (_("failed"), "error"),
    }[job.state]


def _detail(job: Job, now: datetime) -> str:
    """Progress, result, or error."""
    if job.state == jobs.FAILED:
        return job.error or _("The worker's log says why.")
    if job.state == jobs.DONE:
        return job.result or ""
    if job.state == jobs.RUNNING:
        return job.progress or ""
    if job.progress:
        return job.progress
    if now - job.requested_at > WORKER_GRACE:
        return _("It waits for the worker: start inventory-hub worker.")
    return _("It waits for the worker.")


def name(job: Job) -> str:
    """A short label of a job."""
    words: dict[str, Any] = dict(job.arguments)
    source = source_label(str(words.get("source")))
    run, month = words.get("run_id"), str(words.get("month"))
    if job.kind == Collect.kind:
        return _("Collect %(source)s", source=source)
    if job.kind == AcceptRun.kind:
        return _("Accept run %(run)s", run=run)
    if job.kind == RejectRun.kind:
        return _("Reject run %(run)s", run=run)
    if job.kind == WithdrawDay.kind:
        return _("Withdraw %(day)s of %(source)s", day=words.get("day"), source=source)
    if job.kind == EndSource.kind:
        return _("End %(source)s", source=source)
    if job.kind == CloseMonth.kind:
        return _("Close %(month)s", month=formats.month(month))
    if job.kind == ReopenMonth.kind:
        return _("Reopen %(month)s", month=formats.month(month))
    return action_word(job.kind)
