"""Requested jobs and their progress: a toast each, in view on every page."""

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
MOST_TOASTS = 3
"""How many are shown at most."""

WORKER_GRACE = timedelta(seconds=15)
"""How long a job may wait before the page suggests to start a worker."""


def job_toasts() -> list[Component]:
    """The place of the toasts, the ids of the jobs requested here, and the interval that polls
    while something is unfinished. A toast about what is done goes by itself (assets/js/ask.js)."""
    return [
        dcc.Store(id="asked", data=[], storage_type="session"),
        dcc.Store(id="jobs-dismissed"),
        dcc.Store(id="settled", data=""),
        dcc.Interval(id="jobs-poll", interval=POLL_MILLISECONDS, disabled=True),
        html.Div(id="jobs", className="jobs", role="status", **{"aria-live": "polite"}),
    ]


def toasts(jobs: Sequence[Job], now: datetime) -> Component:
    """A toast for each job."""
    return drawn_list(_toast(job, now) for job in jobs)


def _toast(job: Job, now: datetime) -> Component:
    parts: list[Component] = [
        html.Span(_state_word(job), className=f"pill pill-{job.state}"),
        html.Strong(name(job)),
    ]
    if job.ended:
        parts.append(
            html.Button(
                className="btn-close",
                type="button",
                title=_("Dismiss"),
                **{"aria-label": _("Dismiss: %(what)s", what=name(job))},
            )
        )
    parts.append(html.Span(_detail(job, now), className="job-said"))
    return html.Div(parts, className=f"job job-{job.state}", **{"data-id": str(job.job_id)})


def _state_word(job: Job) -> str:
    return {
        jobs.WAITING: _("waiting"),
        jobs.RUNNING: _("in progress"),
        jobs.DONE: _("done"),
        jobs.FAILED: _("failed"),
    }[job.state]


def why_failed(job: Job) -> str:
    """Why a job failed, as a sentence."""
    return job.error or str(_("The worker's log says why."))


def _detail(job: Job, now: datetime) -> str:
    """Progress, result, or error."""
    if job.state == jobs.FAILED:
        return why_failed(job)
    if job.state == jobs.DONE:
        return job.result or ""
    if job.state == jobs.RUNNING:
        return job.progress or ""
    if job.progress:
        return job.progress
    if now - job.requested_at > WORKER_GRACE:
        return _("Waiting for the worker: start inventory-hub worker.")
    return _("Waiting for the worker.")


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
