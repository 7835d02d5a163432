"""Addresses are read strictly and written canonically."""

from datetime import date, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given as draw_from
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from dashboard.base.params import (
    BASES,
    COUNTED,
    NO_LOCATION,
    SOURCES,
    STATUSES,
    TYPES,
    BadParameter,
    Filters,
    parse,
)
from db.rules import Rules
from etl.rules.billing import STATUSES as RULE_STATUSES
from etl.rules.device_type import TYPES as RULE_TYPES

TODAY = date(2026, 11, 22)


def _parse(query: str, path: str = "/", **options: object) -> Filters:
    pairs = parse_qsl(query, keep_blank_values=True)
    return parse(MultiDict(pairs), path, today=TODAY, **options)  # type: ignore[arg-type]  # any option


def test_an_empty_query_means_the_defaults() -> None:
    assert _parse("") == Filters()
    assert _parse("").basis == "assets"
    assert Filters().to_query() == ""


OF_SEED = ("today", "comparison", "sites", "devices")
DEFAULTS = {
    **dict.fromkeys((f"/api/dashboard/{name}" for name in OF_SEED), ("records", COUNTED)),
    "/api/sites": ("assets", COUNTED),
    **dict.fromkeys(
        ("/", "/changes", "/sites", "/sites/7", "/devices", "/devices/7", "/months",
         "/months/2026-10", "/api/dashboard/changes", "/api/months", "/api/months/2026-10/bases",
         "/export/devices.csv", "/export/changes.xlsx", "/export/sites.csv", "/export/months.csv",
         "/export/month-ends.csv", "/export/month-bases.csv", "/export/movers.csv",
         "/export/bars.csv"),
        ("assets", ("billable",)),
    ),
    **dict.fromkeys(
        ("/coverage", "/export/coverage.csv", "/api/coverage", "/api/coverage/matrix"),
        ("assets", STATUSES),
    ),
}  # fmt: skip
"""What each address counts unless it says otherwise (PRODUCT.md, "Commands and addresses")."""


@pytest.mark.parametrize("path", DEFAULTS)
def test_each_address_has_its_own_defaults(path: str) -> None:
    basis, statuses = DEFAULTS[path]
    assert _parse("", path) == Filters(basis=basis, statuses=statuses)
    assert Filters(basis=basis, statuses=statuses).to_query(path) == ""
    for given in (("billable",), COUNTED, STATUSES, ("spare", "excluded")):
        named = "&".join(f"status={name}" for name in given)
        assert _parse(f"basis={basis}&{named}", path).statuses == given
        written = Filters(basis=basis, statuses=given).to_query(path)
        assert written == ("" if given == statuses else named)


def test_what_has_its_default_on_one_page_has_it_on_the_next() -> None:
    assert Filters(types=("server",)).moved("/", "/coverage") == Filters(
        types=("server",), statuses=STATUSES
    )
    assert Filters(statuses=STATUSES).moved("/coverage", "/sites") == Filters()
    assert Filters(statuses=("spare",)).moved("/", "/coverage").statuses == ("spare",)


def test_every_shared_parameter_is_read() -> None:
    assert _parse(
        "as_of=2026-11-20&compare_to=2026-10-31&basis=ninja&site=7&site=3&site=7"
        "&type=server&type=vm_guest&status=excluded&status=billable&q=%20front%20desk%20"
    ) == Filters(
        date(2026, 11, 20), date(2026, 10, 31), "ninja", (3, 7), ("server", "vm_guest"),
        ("billable", "excluded"), "front desk",
    )  # fmt: skip


def test_a_location_is_matched_exactly_and_an_empty_one_means_no_location() -> None:
    found = _parse("location=Rack%201&location=&location=B%C3%BCro&location=Rack%201")
    assert found.locations == (NO_LOCATION, "Büro", "Rack 1")
    assert found.to_query() == "location=&location=B%C3%BCro&location=Rack+1"
    assert _parse("location=%20Rack").locations == (" Rack",)


def test_types_statuses_and_sources_are_those_of_the_rules() -> None:
    assert TYPES == RULE_TYPES
    assert STATUSES == RULE_STATUSES
    assert Rules(1).source_order == SOURCES


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("colour=red", "colour"),
        ("Site=1", "Site"),
        ("limit=10", "limit"),
        ("source=ninja", "source"),
        ("as_of=2026-11-20&as_of=2026-11-21", "as_of"),
        ("basis=ninja&basis=agent", "basis"),
        ("q=a&q=b", "q"),
        ("as_of=", "as_of"),
        ("as_of=yesterday", "as_of"),
        ("as_of=20261120", "as_of"),
        ("as_of=2026-W47-1", "as_of"),
        ("as_of=2026-02-30", "as_of"),
        ("as_of=2026-11-20T00:00", "as_of"),
        ("as_of=%D9%A2026-11-20", "as_of"),
        ("as_of=2026-11-23", "as_of"),
        ("as_of=0001-01-01", "as_of"),
        ("compare_to=2026-11-23", "compare_to"),
        ("as_of=2026-11-10&compare_to=2026-11-11", "compare_to"),
        ("basis=", "basis"),
        ("basis=Assets", "basis"),
        ("basis=zabbix", "basis"),
        ("site=", "site"),
        ("site=-1", "site"),
        ("site=1.0", "site"),
        ("site=0x10", "site"),
        ("site=%C2%B2", "site"),
        ("site=9223372036854775808", "site"),
        ("site=1%20OR%201=1", "site"),
        ("type=servers", "type"),
        ("status=", "status"),
        ("status=gone", "status"),
        ("q=a%00b", "q"),
        ("location=a%00b", "location"),
        ("location=" + "x" * 256, "location"),
        ("q=" + "x" * 201, "q"),
    ],
)
def test_an_invalid_parameter_is_refused_by_name(query: str, name: str) -> None:
    with pytest.raises(BadParameter) as refused:
        _parse(query)
    assert refused.value.name == name
    assert name in refused.value.message


def test_equal_dates_may_be_compared() -> None:
    both = _parse("as_of=2026-11-10&compare_to=2026-11-10")
    assert both.as_of == both.compare_to


def test_extra_parameters_are_accepted_where_declared() -> None:
    assert _parse("limit=5&q=x", extra=("limit",)).q == "x"
    assert _parse("source=agent&source=ninja", extra=("source",)).sources == ("ninja", "agent")
    with pytest.raises(BadParameter):
        _parse("source=zabbix", extra=("source",))
    managed = _parse("managed_by=agent&managed_by=ninja", extra=("managed_by",))
    assert managed.managed_by == ("ninja", "agent")
    assert managed.having(basis="records").managed_by == ()
    with pytest.raises(BadParameter, match="basis=assets"):
        _parse("managed_by=agent&basis=records", extra=("managed_by",))


_days = st.dates(date(1970, 1, 1), TODAY)


@st.composite
def _filters(draw: st.DrawFn) -> Filters:
    as_of = draw(st.none() | _days)
    earliest = draw(st.none() | st.integers(0, 400))
    text = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",)), max_size=40)
    return Filters(
        as_of,
        None if earliest is None else max((as_of or TODAY) - timedelta(earliest), date(1970, 1, 1)),
        draw(st.sampled_from(BASES)),
        q=draw(st.none() | text.map(str.strip).filter(bool)),
    ).having(
        sites=tuple(draw(st.lists(st.integers(0, 2**63 - 1), max_size=4))),
        types=tuple(draw(st.lists(st.sampled_from(TYPES)))),
        statuses=tuple(draw(st.lists(st.sampled_from(STATUSES), min_size=1))),
        locations=tuple(draw(st.lists(text, max_size=3))),
        managed_by=tuple(draw(st.lists(st.sampled_from(SOURCES)))),
    )


@draw_from(_filters(), st.sampled_from(sorted(DEFAULTS)))
def test_the_canonical_query_reads_back_to_the_same_filters(filters: Filters, path: str) -> None:
    query = filters.to_query(path)
    again = _parse(query, path, extra=("managed_by",))
    assert again == filters
    assert again.to_query(path) == query
