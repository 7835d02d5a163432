"""The questions of the inbox, on a fleet of any size."""

from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from dashboard.queries.inbox.review import count_pairs
from db.engine import reading
from tests.support.worlds import DeviceState, World, save_to_copy

DAY = date(2026, 11, 22)


def test_pairs_are_counted_in_steps_that_grow_like_the_devices(
    migrated_file: Path, tmp_path: Path
) -> None:
    few, many = (steps_of_counting(migrated_file, tmp_path / str(n), n) for n in (200, 1_600))
    assert many < 12 * few


def steps_of_counting(migrated: Path, folder: Path, devices: int) -> int:
    """How many steps SQLite takes."""
    folder.mkdir()
    world = World({1: "Harbor Dental"})
    world.publish("ninja", DAY, [DeviceState("ninja", f"pc-{n}", 1) for n in range(devices)])
    engine = save_to_copy(world, migrated, folder)
    return _steps(engine)


def _steps(engine: Engine) -> int:
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    with reading(engine) as connection:
        sqlite = connection.connection.dbapi_connection
        assert sqlite is not None
        sqlite.set_progress_handler(step, 1)
        count_pairs(connection)
        sqlite.set_progress_handler(None, 0)
    return steps
