"""What the dialog shows while a preview waits or runs, and when it failed."""

from datetime import datetime

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.components.ask.job_line import WORKER_GRACE, why_failed
from dashboard.components.kit.notice import notice
from db import jobs
from db.jobs import Job


def preview_pending(job: Job, now: datetime) -> list[Component]:
    """The progress of the preview."""
    progress = job.progress or _("The worker tries it on a copy; nothing is changed.")
    if job.state == jobs.WAITING:
        progress = _("Waiting for the worker.")
        if now - job.requested_at > WORKER_GRACE:
            progress = _("Waiting for the worker: start inventory-hub worker.")
    return [
        html.P(
            [
                dbc.Spinner(size="sm", color="primary"),
                html.Strong(_("Working out what would change")),
                html.Span(progress, className="muted"),
            ],
            className="effect-waits",
        )
    ]


def preview_failed(job: Job) -> list[Component]:
    """The reason why there is no preview, of a fault of the program."""
    return [
        notice("danger", html.Strong(_("What would change cannot be shown: ")), why_failed(job)),
    ]
