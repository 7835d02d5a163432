"""What people have decided in a demo: about every new site and every possible duplicate but one, so
that a fresh demo asks an honest question of each kind and no more."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select

from db.engine import reading, writing
from db.history.runs import newest_day
from db.settings import Settings
from db.tables import OPEN_END, device_snapshots, sites, suggestions
from etl.decisions.machines import keep_apart
from etl.decisions.registry import DecisionContext
from etl.decisions.sites import confirm_sites
from etl.machines.suggestions import LINK, SITE, refresh_suggestions
from etl.runtime.lease import Lease

ACTOR = "demo"
_ROUNDS = 20
"""A record is suggested with three others at most: what is decided makes room for more."""


def decide(engine: Engine, lease: Lease, settings: Settings, clock: Callable[[], datetime]) -> None:
    """Confirm the sites and keep the pairs apart. The best suggestion of each kind stays open."""
    context = DecisionContext(engine, lease, ACTOR, clock, settings)
    _suggest(engine, lease)
    with reading(engine) as connection:
        waiting = list(connection.scalars(select(sites.c.site_id).where(sites.c.needs_review)))
    similar = _suggested(engine, SITE)
    # The later of the two is the one whose name a source spells otherwise.
    asked = max(similar[0]) if similar else None
    if settled := [site_id for site_id in waiting if site_id != asked]:
        confirm_sites(context, settled)
    machine_of = _machines(engine)
    open_pair: set[int] | None = None
    for _round in range(_ROUNDS):
        pairs = [(pair, {machine_of[each] for each in pair}) for pair in _suggested(engine, LINK)]
        if open_pair is None and pairs:
            open_pair = pairs[0][1]
        decided = [pair for pair, machines in pairs if machines != open_pair]
        if not decided:
            break
        for one, other in decided:
            keep_apart(context, one, other)
        _suggest(engine, lease)


def _machines(engine: Engine) -> dict[int, int]:
    """The machine of each record that stands."""
    c = device_snapshots.c
    with reading(engine) as connection:
        rows = connection.execute(
            select(c.device_id, c.asset_id).where(c.valid_to == OPEN_END)
        ).all()
    return {device_id: asset_id for device_id, asset_id in rows}


def _suggest(engine: Engine, lease: Lease) -> None:
    """What the worker suggests after each collection."""
    with writing(engine) as connection:
        lease.hold(connection)
        if (day := newest_day(connection)) is not None:
            refresh_suggestions(connection, day)


def _suggested(engine: Engine, kind: str) -> list[tuple[int, int]]:
    """The suggested pairs of a kind, the most similar first."""
    c = suggestions.c
    rows = (
        select(c.subject_id, c.other_id)
        .where(c.kind == kind)
        .order_by(c.score.desc(), c.subject_id, c.other_id)
    )
    with reading(engine) as connection:
        return [(one, other) for one, other in connection.execute(rows)]
