"""Which version of the rules applies to which day."""

from datetime import date

import pytest
from sqlalchemy import Engine

from dashboard.queries.audit.rule_versions import versions
from db import rules
from db.engine import reading, writing
from db.rules import Rules, RulesByDay
from tests.support.small_hub import noon


def november(number: int) -> date:
    return date(2026, 11, number)


@pytest.mark.parametrize(
    ("first_days", "on_3_6_9", "turns"),
    [
        ([None], [1, 1, 1], []),
        ([4], [1, 1, 1], []),
        ([None, 5], [1, 2, 2], [5]),
        ([1, 5, 8], [1, 2, 3], [5, 8]),
        # A month was reopened, so that a later version reaches further back.
        ([None, 8, 5], [1, 3, 3], [5]),
        ([None, 8, 2], [3, 3, 3], [2]),
        # One that never counted, then one that does.
        ([None, None, 7], [1, 1, 3], [7]),
        ([None, None], [1, 1, 1], []),
    ],
)
def test_the_newest_version_whose_first_day_is_not_later_applies(
    first_days: list[int | None], on_3_6_9: list[int], turns: list[int]
) -> None:
    by_day = RulesByDay.from_versions(
        [
            (None if day is None else november(day), Rules(n, spare_node_classes=(f"{n}",)))
            for n, day in enumerate(first_days, 1)
        ]
    )
    assert [by_day.effective_on(november(day)).version for day in (3, 6, 9)] == on_3_6_9
    assert by_day.precedence_changes(november(1), november(30)) == [november(day) for day in turns]
    assert by_day.precedence_changes(november(9), november(30)) == []


def test_versions_with_the_same_precedence_are_no_precedence_change() -> None:
    words = [Rules(1), Rules(2, spare_words=("loaner",)), Rules(3, source_order=("agent",))]
    by_day = RulesByDay.from_versions(
        list(zip([None, november(5), november(8)], words, strict=True))
    )
    assert by_day.effective_on(november(6)).spare_words == ("loaner",)
    assert by_day.precedence_changes(november(1), november(30)) == [november(8)]


def test_a_source_added_later_stands_last_in_the_order_of_saved_versions(
    sqlite_engine: Engine,
) -> None:
    saved = Rules(1, source_order=("threatlocker", "ninja"), expected_sources=("ninja",))
    with writing(sqlite_engine) as connection:
        rules.save_version(connection, saved, "Ana", noon(november(1)))
    with reading(sqlite_engine) as connection:
        read = rules.current_rules(connection)
    assert read.source_order == ("threatlocker", "ninja", "agent")
    assert read.expected_sources == ("ninja",)


def test_a_version_applies_from_the_first_day_that_is_counted_by_it(engine: Engine) -> None:
    now = noon(november(1))
    with reading(engine) as connection:
        assert rules.rules_by_day(connection) == RulesByDay.always(Rules(1))
    with writing(engine) as connection:
        rules.save_version(connection, Rules(1), rules.ENVIRONMENT, now)
        rules.apply_newest_from(connection, november(1))
        rules.save_version(connection, Rules(2, spare_words=("loaner",)), "Ana", now)
    with reading(engine) as connection:
        assert rules.rules_by_day(connection).effective_on(november(9)).version == 1
        assert [(one.counts, one.first, one.last) for one in versions(connection)] == [
            (False, None, None), (True, None, None),
        ]  # fmt: skip
    with writing(engine) as connection:
        assert (
            rules.apply_newest_from(connection, november(8)).effective_on(november(8)).version == 2
        )
        rules.apply_newest_from(connection, november(10))
    with reading(engine) as connection:
        assert [(one.counts, one.first, one.last) for one in versions(connection)] == [
            (True, november(8), None), (True, None, november(7)),
        ]  # fmt: skip
    with writing(engine) as connection:
        rules.move_first_day(connection, november(8), november(9))
        assert rules.rules_by_day(connection).effective_on(november(8)).version == 1
        assert rules.rules_by_day(connection).effective_on(november(9)).version == 2
        rules.move_first_day(connection, november(9), None)
        assert rules.rules_by_day(connection).effective_on(november(30)).version == 1


def test_a_saved_version_is_read_back_unchanged(engine: Engine) -> None:
    saved = Rules(1, ("a", "b"), (), ("Harbor",), ("agent", "ninja", "threatlocker"), ())
    with writing(engine) as connection:
        rules.save_version(connection, saved, "Ana", noon(november(1)))
    with reading(engine) as connection:
        assert rules.current_rules(connection) == saved
        assert rules.all_versions(connection) == {1: saved}
