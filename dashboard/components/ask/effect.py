"""The result of a preview: a sentence, the counts before and after, the devices that change."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.good_direction import GOOD, news
from dashboard.base.params import SOURCES, STATUSES
from dashboard.components.ask.effect_devices import effect_devices
from dashboard.components.kit.drawn import drawn
from dashboard.words.coverage_words import kind_name
from dashboard.words.filter_words import basis_name, status_word
from dashboard.words.month_words import adjustment_words
from db.months.adjustments import AdjustingDecision

Counts = Sequence[Mapping[str, Any]]
Reasons = Mapping[str, Sequence[Mapping[str, Any]]]
"""By site id the decisions that change its counts, as `etl.decisions.preview` writes them."""
MAX_NAMED = 2
"""The sentence names this many sites."""


def effect(result: Mapping[str, Any]) -> list[Component]:
    """The whole effect of a decision.

    Args:
        result: the JSON of a preview, from `etl.decisions.preview`.
    """
    counts = result.get("counts") or []
    parts: list[Component] = [html.P(sentence(result), className="effect-said")]
    findings = _findings(result.get("findings") or {})
    if not result.get("devices") and not any(_changes(row) for row in counts):
        return [*parts, *findings]
    days = [(each["day"], each["what"]) for each in result["days"]]
    machines = [row for row in counts if row["basis"] == "assets"]
    parts += [*_title(machines), _table(machines, days, result.get("reasons"))]
    others = [_of_source(name, counts, days) for name in SOURCES]
    if any(others):
        about = html.Summary(_("Source by source"))
        parts.append(html.Details([about, *(part for part in others if part)]))
    return [*parts, *findings, *effect_devices(result)]


def sentence(result: Mapping[str, Any]) -> str:
    """In one line the number of devices that change, and the billable counts that move most."""
    items, devices = result.get("items") or [], int(result.get("devices") or 0)
    counts = [row for row in result.get("counts") or [] if row["basis"] == "assets"]
    if not devices and not any(_changes(row) for row in counts):
        return str(_("No device and no count changes."))
    moved = sum(item["site"] != item["site_was"] for item in items)
    n = formats.number(devices)
    if moved == devices and not result.get("cut"):
        records = ngettext("%(n)s record moves", "%(n)s records move", devices, n=n)
    else:
        records = ngettext("%(n)s record changes", "%(n)s records change", devices, n=n)
    parts: list[str] = [records, *_moved_most(counts, result["days"])]
    return "; ".join(parts) + "."


def _moved_most(counts: Counts, days: Sequence[Mapping[str, Any]]) -> list[str]:
    """ "billable at Harbor Dental 31 to 43 now, 30 to 42 on 31 Oct", of the sites that move most;
    of all together when none does."""
    by_site: dict[str | None, dict[str, tuple[int, int]]] = {}
    names = {row["site_id"]: row["site"] for row in counts}
    for row in counts:
        pair = int(row["before"].get("billable", 0)), int(row["after"].get("billable", 0))
        by_site.setdefault(row["site_id"], {})[row["day"]] = pair
    most = sorted(
        (site for site in by_site if site is not None),
        key=lambda site: -max(abs(a - b) for a, b in by_site[site].values()),
    )
    most = [site for site in most if any(a != b for a, b in by_site[site].values())][:MAX_NAMED]
    sites: list[str | None] = [*most] or [None]
    return [_at(names[site], _moves(by_site[site], days)) for site in sites if site in by_site]


def _at(site: str | None, moves: str) -> str:
    if site is None:
        return str(_("billable in all %(moves)s", moves=moves))
    return str(_("billable at %(site)s %(moves)s", site=site, moves=moves))


def _moves(pairs: Mapping[str, tuple[int, int]], days: Sequence[Mapping[str, Any]]) -> str:
    moves: list[str] = [
        _("%(before)s \u2192 %(after)s %(when)s", before=formats.number(pairs[day["day"]][0]),
          after=formats.number(pairs[day["day"]][1]), when=_when(day))
        for day in days
        if day["day"] in pairs
    ]  # fmt: skip
    return ", ".join(moves)


def _when(day: Mapping[str, Any]) -> str:
    if day["what"] == "now":
        return str(_("now"))
    return str(_("on %(day)s", day=formats.short_day(date.fromisoformat(day["day"]))))


def _changes(row: Mapping[str, Any]) -> bool:
    return any(row["before"].get(name, 0) != row["after"].get(name, 0) for name in STATUSES)


def _title(counts: Counts) -> list[Component]:
    """How many sites the table below has: not all of them may be in sight."""
    sites = {row["site_id"] for row in counts if row["site_id"] is not None}
    if not sites:
        return []
    return [html.H3(_("Sites that change: %(n)s", n=formats.number(len(sites))))]


def _table(
    counts: Counts, days: Sequence[tuple[str, str]], reasons: Reasons | None = None
) -> Component:
    """A row per site and status that changes, all sites first; a column per day, and one for the
    decisions that change a site where they are known."""
    heads = [html.Th(_("Site"), scope="col"), html.Th(_("Status"), scope="col")]
    heads += [html.Th(_head(*day), scope="col", className="figure") for day in days]
    if reasons is not None:
        heads.append(html.Th(_("Adjustment"), scope="col"))
    by_site: dict[str | None, dict[str, Mapping[str, Any]]] = {}
    for row in counts:
        by_site.setdefault(row["site_id"], {})[row["day"]] = row
    ordered = sorted(by_site, key=lambda site: (site is not None, _name(by_site[site]).casefold()))
    lines = []
    for site in ordered:
        why = None if reasons is None else reasons.get(str(site), ())
        lines += _lines(by_site[site], site is None, days, why)
    table = html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody(lines)], className="table effect-counts"
    )
    return drawn(html.Div(table, className="table-scroll effect-scroll effect-sites", tabIndex=0))


def _name(rows: Mapping[str, Mapping[str, Any]]) -> str:
    return str(next(iter(rows.values()))["site"] or "")


def _lines(
    rows: Mapping[str, Mapping[str, Any]],
    everything: bool,
    days: Sequence[tuple[str, str]],
    why: Sequence[Mapping[str, Any]] | None,
) -> list[html.Tr]:
    name = _("All sites") if everything else _name(rows)
    lines: list[html.Tr] = []
    for status in STATUSES:
        pairs = [
            (rows[day]["before"].get(status, 0), rows[day]["after"].get(status, 0))
            if day in rows
            else None
            for day, _what in days
        ]
        moves = any(pair and pair[0] != pair[1] for pair in pairs)
        if not moves and not (everything and status == "billable"):
            continue
        head = html.Th(name if not lines else "", scope="row")
        cells = [html.Td(_pair(pair, GOOD[status]), className="figure nowrap") for pair in pairs]
        if why is not None:
            text = "; ".join(adjustment_words(_decision(one)) for one in why) if not lines else ""
            cells.append(html.Td(text, className="effect-why"))
        lines.append(
            html.Tr(
                [head, html.Td(status_word(status)), *cells],
                className="everything" if everything else "",
            )
        )
    return lines


def _decision(stored: Mapping[str, Any]) -> AdjustingDecision:
    return AdjustingDecision(**{**stored, "at": datetime.fromisoformat(stored["at"])})


def _pair(pair: tuple[int, int] | None, good: str) -> Any:
    if pair is None:
        return html.Span(_("as before"), className="muted")
    before, after = pair
    if before == after:
        return [formats.number(after), html.Span(" " + _("as before"), className="muted")]
    look = f"delta news-{news(after - before, good)}"
    change = html.Span(formats.signed(after - before), className=look)
    return [f"{formats.number(before)} \u2192 ", html.Strong(formats.number(after)), " ", change]


def _head(day: str, what: str) -> str:
    if what == "now":
        return str(_("Now, %(day)s", day=formats.short_day(date.fromisoformat(day))))
    return str(_("Month-end, %(day)s", day=formats.short_day(date.fromisoformat(day))))


def _of_source(name: str, counts: Counts, days: Sequence[tuple[str, str]]) -> Component | None:
    mine = [row for row in counts if row["basis"] == name]
    if not any(_changes(row) for row in mine):
        return None
    return html.Div([html.H3(basis_name(name)), _table(mine, days)])


def _findings(findings: Mapping[str, Sequence[int]]) -> list[Component]:
    moved = [(kind, pair) for kind, pair in findings.items() if pair[0] != pair[1]]
    if not moved:
        return []
    words = [
        _("%(kind)s %(before)s \u2192 %(after)s", kind=kind_name(kind),
          before=formats.number(pair[0]), after=formats.number(pair[1]))
        for kind, pair in moved
    ]  # fmt: skip
    text = _("Coverage findings: %(words)s.", words="; ".join(words))
    return [html.P(text, className="note")]
