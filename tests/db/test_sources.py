"""The registry of sources: what it takes and what it answers."""

from collections.abc import Iterator
from datetime import time

import pytest

from db import sources
from db.rules import Rules
from db.sources import SourceFacts


def facts(name: str, **values: object) -> SourceFacts:
    plain = {"label": name.title(), "badge": "X", "colour": "#010203", "collect_at": time(1)}
    return SourceFacts(name, **(plain | values))  # type: ignore[arg-type]


@pytest.fixture
def registry() -> Iterator[None]:
    """Puts the sources of all other tests back."""
    before = sources.registered_sources()
    yield
    sources.register_sources(before)


def test_sources_stand_in_their_order_then_by_name(registry: None) -> None:
    sources.register_sources(
        [facts("late", order=90), facts("beta"), facts("alpha"), facts("first", order=1)]
    )
    assert sources.source_names() == ("first", "alpha", "beta", "late")
    assert Rules(1).source_order == ("first", "alpha", "beta", "late")


def test_defaults_derive_from_the_registered_facts(registry: None) -> None:
    sources.register_sources(
        [facts("a", expected=True, collect_at=time(23, 5)), facts("b", label="Bee", badge="Be")]
    )
    assert sources.expected_sources() == Rules(1).expected_sources == ("a",)
    assert sources.default_collect_at() == "a=23:05,b=01:00"
    assert sources.source_labels() == {"a": "A", "b": "Bee"}
    assert sources.source_badge_letters("b") == "Be"


def test_a_source_that_is_not_installed_is_labelled_by_its_name() -> None:
    assert sources.source_label("initech") == "initech"
    assert sources.source_badge_letters("initech") == "I"


def test_reading_the_registry_before_anything_is_registered_fails(registry: None) -> None:
    sources.register_sources([])
    with pytest.raises(RuntimeError, match="No source is registered"):
        sources.source_names()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("", {}),
        ("Ninja", {}),
        ("two words", {}),
        ("2fast", {}),
        ("a" * 17, {}),
        ("assets", {}),
        ("records", {}),
        ("fine", {"badge": ""}),
        ("fine", {"badge": "Abc"}),
        ("fine", {"colour": "red"}),
        ("fine", {"colour": "#12345"}),
    ],
)
def test_facts_of_an_unusable_form_are_refused(name: str, values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="^(The|.* cannot name a source)"):
        facts(name, **values)
