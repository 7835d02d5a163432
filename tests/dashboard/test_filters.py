"""Addresses are read strictly and written canonically."""

from datetime import date, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
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


def _parse(query: str, **options: object) -> Filters:
    pairs = parse_qsl(query, keep_blank_values=True)
    return parse(MultiDict(pairs), today=TODAY, **options)  # type: ignore[arg-type]  # any option


def test_an_empty_query_means_the_defaults() -> None:
    assert _parse("") == Filters()
    assert _parse("").basis == "assets"
    assert _parse("", default_basis="records").basis == "records"
    assert _parse("", default_statuses=("billable",)).statuses == ("billable",)
    assert Filters().to_query() == ""


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


@given(_filters(), st.sampled_from(BASES), st.sampled_from([COUNTED, ("billable",)]))
def test_the_canonical_query_reads_back_to_the_same_filters(
    filters: Filters, basis: str, statuses: tuple[str, ...]
) -> None:
    query = filters.to_query(default_basis=basis, default_statuses=statuses)
    extra = ("managed_by",)
    again = _parse(query, default_basis=basis, default_statuses=statuses, extra=extra)
    assert again == filters
    assert again.to_query(default_basis=basis, default_statuses=statuses) == query
