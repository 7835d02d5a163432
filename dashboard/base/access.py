"""Access: the least role that each route needs, and the check before each request.

A route without a row here is closed to everybody, and a test says so. A row may name a method:
"POST /api/machines" goes before "/api/machines".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from flask import Flask, g, redirect, request
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.wrappers import Response

from dashboard.base.refusals import Refusal, refusal_words
from db.decisions import Decision, mark
from db.roles import ADMINISTRATOR, MACHINE, MANAGER, PUBLIC, ROLES, VIEWER
from db.tokens import DECIDE, READ

SIGN_IN, SIGN_OUT = "/login", "/logout"
SIGN_IN_CODE, SIGN_IN_SECOND_FACTOR = f"{SIGN_IN}/code", f"{SIGN_IN}/second-factor"
OIDC, OIDC_CALLBACK = f"{SIGN_IN}/oidc", f"{SIGN_IN}/oidc/callback"
"""To the OpenID provider, and back."""
"""After the password: the code of a second factor, and adding one where it is required."""
ACCOUNT_SECOND_FACTOR = "/account/second-factor"
API = ("/api", "/export")
"""Below these addresses every answer, errors too, is for programs."""
ACTOR_NAME = "inventory_hub.actor"
"""In the environ of a request whose sender is known, the name for the log."""
_FOR_TOKENS = (*API, "/report", "/charts")
"""Where tokens work: pages of Dash are for people who sign in."""
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

ACCESS: dict[str, str] = {
    # Pages. Dash answers "/" and, through "/<path:path>", every page.
    "/": VIEWER,
    "/<path:path>": VIEWER,
    # Signing in, and what belongs to the person who is signed in.
    SIGN_IN: PUBLIC,
    SIGN_IN_CODE: PUBLIC,
    SIGN_IN_SECOND_FACTOR: PUBLIC,
    OIDC: PUBLIC,
    OIDC_CALLBACK: PUBLIC,
    "/invite/<token>": PUBLIC,
    SIGN_OUT: VIEWER,
    "/account": VIEWER,
    "/account/password": VIEWER,
    "/account/language": VIEWER,
    ACCOUNT_SECOND_FACTOR: VIEWER,
    f"{ACCOUNT_SECOND_FACTOR}/add": VIEWER,
    f"{ACCOUNT_SECOND_FACTOR}/remove": VIEWER,
    f"{ACCOUNT_SECOND_FACTOR}/recovery-codes": VIEWER,
    "/account/sessions/<int:session_id>/end": VIEWER,
    # Pages without Dash, as TatuScan called them.
    "/report": VIEWER,
    "/charts": VIEWER,
    # What a page is made of: no data in it, and the sign-in page needs it too.
    "/own/<name>": PUBLIC,
    "/assets/<path:filename>": PUBLIC,
    "/static/<path:filename>": PUBLIC,
    "/_favicon.ico": PUBLIC,
    "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>": PUBLIC,
    # What a page shows and does.
    "/_dash-layout": VIEWER,
    "/_dash-dependencies": VIEWER,
    "/_dash-update-component": VIEWER,
    "/_reload-hash": VIEWER,
    # Other programs.
    "/api/health": PUBLIC,
    # With METRICS_TOKEN, which it checks itself; else there is no such route.
    "/metrics": PUBLIC,
    "/api/openapi.json": VIEWER,
    "/api/dashboard/today": VIEWER,
    "/api/dashboard/comparison": VIEWER,
    "/api/dashboard/sites": VIEWER,
    "/api/dashboard/devices": VIEWER,
    "/api/devices/<device_id>/history": VIEWER,
    "/api/runs": VIEWER,
    "/api/sites": VIEWER,
    "/api/dashboard/changes": VIEWER,
    "/api/months": VIEWER,
    "/api/months/<month>/bases": VIEWER,
    "/api/audit": MANAGER,
    "/api/search": VIEWER,
    "/api/coverage": VIEWER,
    "/api/coverage/matrix": VIEWER,
    # Machines: what they report is let in by `dashboard.ingest.credentials`.
    "POST /api/machines": MACHINE,
    "POST /api/machines/batch": MACHINE,
    "/api/machines": VIEWER,
    "/api/inventory": VIEWER,
    "/api/machines/<machine_id>": VIEWER,
    "PATCH /api/machines/<machine_id>": MANAGER,
    "DELETE /api/machines/<machine_id>": ADMINISTRATOR,
    # Files.
    "/export/devices.csv": VIEWER,
    "/export/devices.xlsx": VIEWER,
    "/export/changes.csv": VIEWER,
    "/export/changes.xlsx": VIEWER,
    "/export/bars.csv": VIEWER,
    "/export/bars.xlsx": VIEWER,
    "/export/invoice-pack.zip": VIEWER,
    "/export/coverage.csv": VIEWER,
    "/export/coverage.xlsx": VIEWER,
    "/export/sites.csv": VIEWER,
    "/export/sites.xlsx": VIEWER,
    "/export/movers.csv": VIEWER,
    "/export/movers.xlsx": VIEWER,
    "/export/month-ends.csv": VIEWER,
    "/export/month-ends.xlsx": VIEWER,
    "/export/month-bases.csv": VIEWER,
    "/export/month-bases.xlsx": VIEWER,
    "/export/months.csv": VIEWER,
    "/export/months.xlsx": VIEWER,
    "/export/audit.csv": MANAGER,
    "/export/audit.xlsx": MANAGER,
    "/export/machines.csv": VIEWER,
    "/export/machines.xlsx": VIEWER,
}


@dataclass(frozen=True)
class Actor:
    """Who sends a request: the name for the audit log, the roles, how it was recognised, the sites
    that it sees (None for all), and of a token its scopes."""

    name: str
    roles: frozenset[str]
    by: Literal["nothing", "token", "session", "proxy"] = "nothing"
    sites: frozenset[int] | None = None
    scopes: frozenset[str] = frozenset()

    def may_start(self, decision: type[Decision], *, needs_administrator: bool = False) -> bool:
        """Whether the actor may request a decision of this kind; of people who see only some sites
        `dashboard.web.job_requests` asks further what it touches."""
        return self.refusal(decision, needs_administrator=needs_administrator) is None

    def refusal(
        self, decision: type[Decision], *, needs_administrator: bool = False
    ) -> Refusal | None:
        """Why the actor may not request a decision of this kind; None when they may."""
        least = ADMINISTRATOR if needs_administrator else decision.role
        if least not in self.roles:
            return Refusal(decision.doing, least)
        if self.sites is not None and not decision.inside_sites:
            return Refusal(decision.doing)
        return None

    @property
    def is_person(self) -> bool:
        """Whether a person who signed in sends it, from a browser that other sites use too."""
        return self.by in ("session", "proxy")

    @property
    def role(self) -> str:
        """The highest of the roles."""
        return next(role for role in reversed(ROLES) if role in self.roles)


LOCAL = Actor("local", frozenset(ROLES))
"""The actor of every request with AUTH=none."""

STRANGER = Actor("stranger", frozenset({PUBLIC}))


def roles_up_to(role: str) -> frozenset[str]:
    """`role` and the roles below it, without the one of machines."""
    return frozenset(ROLES[: ROLES.index(role) + 1]) - {MACHINE}


def required_role(rule: str, method: str) -> str | None:
    """The least role for a route; None when `ACCESS` has no row for it."""
    return ACCESS.get(f"{method} {rule}", ACCESS.get(rule))


def answers_json(path: str) -> bool:
    """Whether programs or the scripts of a page call `path`, and so read its errors as JSON."""
    return path.startswith("/_") or _is_below(path, API)


def guard(server: Flask, identify: Callable[[], Actor]) -> None:
    """Let a request through only when its actor has the role that `ACCESS` names. A stranger who
    opens a page is sent to sign in, and from there back to the page.

    Args:
        identify: who sends the current request; called once for each that needs a role.
    """

    @server.before_request
    def _gate() -> Response | None:
        g.actor = STRANGER
        if request.url_rule is None:
            return None  # No such route: the answer is 404 or 405 for everybody.
        least = required_role(request.url_rule.rule, request.method)
        if least in (PUBLIC, MACHINE):
            return None  # Ingest checks the credential together with the report.
        g.actor = identify()
        request.environ[ACTOR_NAME] = g.actor.name
        if g.actor.by == "token":
            _check_scope(g.actor)
        if least in g.actor.roles:
            return None
        if g.actor.by == "token":
            raise Forbidden("This token may not do this: see inventory-hub token add --help.")
        if g.actor.is_person:
            raise Forbidden(refusal_words(Refusal(mark("This"), least)))
        if request.method in ("GET", "HEAD") and not answers_json(request.path):
            here = request.full_path.rstrip("?")
            return redirect(f"{SIGN_IN}?{urlencode({'next': here})}", 303)
        raise Unauthorized("Sign in to see this.")


def _is_below(path: str, places: Sequence[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in places)


def _check_scope(actor: Actor) -> None:
    """Refuse a token what is none of its scopes.

    Raises:
        Forbidden: the token may not do this.
    """
    if not _is_below(request.path, _FOR_TOKENS):
        raise Forbidden("A token opens /api, /export, /report and /charts. Pages need a sign-in.")
    scope = READ if request.method in _SAFE_METHODS else DECIDE
    if scope not in actor.scopes:
        raise Forbidden(
            f"This token has not the scope {scope}: ask an administrator for one that has."
        )
