"""Concurrent reports, and a killed server: nothing fails or is lost."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from sqlalchemy import Engine

from dashboard.ingest.commit_queue import CommitQueue
from db.engine import open_engine
from db.tables import agent_hours, api_tokens, inventory
from tests.support.agent_servers import free_port
from tests.support.api_server import address, first_answer, running_process
from tests.support.machines import Ingest, ingest, machine_id, report
from tests.support.samples import samples

AT_ONCE = 16


def together(do: Callable[[int], None]) -> None:
    """Call `do` from `AT_ONCE` threads at the same moment, and wait for all of them."""
    ready = threading.Barrier(AT_ONCE)

    def one(n: int) -> None:
        ready.wait(120)
        do(n)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def two(engine: Engine) -> Iterator[list[Ingest]]:
    """Two servers on one database, each with a queue of its own."""
    another = open_engine(engine.url)
    with ExitStack() as servers:
        yield [servers.enter_context(ingest(one, INGEST_AUTH="open")) for one in (engine, another)]
    another.dispose()


def test_concurrent_first_reports_make_one_row(engine: Engine) -> None:
    turns = samples(2, 160)
    with ingest(engine, INGEST_AUTH="open") as hub:
        for turn in range(turns):
            codes: list[int] = []
            body = report(f"pc-{turn}")
            together(lambda _, body=body, codes=codes: codes.append(hub.post(body).status_code))
            assert sorted(codes) == [200] * (AT_ONCE - 1) + [201]
        assert len(hub.rows(inventory)) == turns
        assert [row.n for row in hub.rows(agent_hours)] == [AT_ONCE] * turns


def test_concurrent_first_reports_to_two_servers_make_one_row(two: list[Ingest]) -> None:
    turns = samples(2, 160)
    for turn in range(turns):
        codes: list[int] = []
        body = report(f"pc-{turn}")

        def send(n: int, body: object = body, codes: list[int] = codes) -> None:
            codes.append(two[n % 2].post(body).status_code)

        together(send)
        assert sorted(codes) == [200] * (AT_ONCE - 1) + [201]
    assert len(two[0].rows(inventory)) == turns
    assert [row.n for row in two[0].rows(agent_hours)] == [AT_ONCE] * turns


def test_concurrent_enrolments_of_one_machine_make_one_key(two: list[Ingest]) -> None:
    for turn in range(samples(2, 60)):
        token, keys, codes = two[0].token(), [], Counter[int]()

        def enrol(n: int, token: str = token, keys: list[str] = keys, turn: int = turn,
                  codes: Counter[int] = codes) -> None:  # fmt: skip
            told = two[n % 2].post(report(f"pc-{turn}", report_id=str(uuid4())), token)
            codes[told.status_code] += 1
            keys.extend([told.json()["key"]] if told.ok else [])

        together(enrol)
        assert codes == {201: 1, 403: AT_ONCE - 1}
        assert two[1].post(report(f"pc-{turn}"), *keys).status_code == 200
        kept = [
            row for row in two[0].rows(api_tokens) if row.machine_id == machine_id(f"pc-{turn}")
        ]
        assert len(kept) == 1


def test_entry_that_cannot_be_stored_fails_alone() -> None:
    first, outcomes = threading.Event(), dict[int, object]()

    def store(entries: Sequence[int]) -> Sequence[int]:
        first.wait(120)  # meanwhile the others queue
        if 7 in entries:
            raise ValueError("no database takes a 7")
        return [10 * entry for entry in entries]

    queue: CommitQueue[int, int] = CommitQueue(store)

    def put(n: int) -> None:
        try:
            outcomes[n] = queue.commit(n)
        except ValueError as error:
            outcomes[n] = str(error)

    threading.Timer(0.5, first.set).start()
    together(put)
    expected: dict[int, object] = {n: 10 * n for n in range(AT_ONCE)}
    assert outcomes == expected | {7: "no database takes a 7"}


class Load:
    """Machines that report one after another, each report with the next number of its machine,
    until the server is gone. `told` is what was answered, `sent` what left."""

    EACH = 40

    def __init__(self, address: str, name: str) -> None:
        self.address, self.name = address, name
        self.told, self.sent = Counter[str](), Counter[str]()
        self.wrong: list[str] = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        with requests.Session() as session:
            for n in range(1_000_000):
                name = f"{self.name}-{n // self.EACH}"
                self.sent[machine_id(name)] += 1
                number = self.sent[machine_id(name)]
                body = report(name, memory_used_mb=number, memory_total_mb=10**6)
                try:
                    done = session.post(f"{self.address}/api/machines", json=body, timeout=120)
                except requests.RequestException:
                    return
                if done.ok and done.json()["item"]["memory_used_mb"] == number:
                    self.told[machine_id(name)] = number
                else:
                    self.wrong.append(done.text)


@pytest.mark.parametrize("database", ["sqlite_engine", "postgres_engine"])
def test_acknowledged_reports_survive_kill_9_of_the_server(
    request: pytest.FixtureRequest, cli_environment: dict[str, str], tmp_path: Path, database: str
) -> None:
    engine: Engine = request.getfixturevalue(database)
    environment = cli_environment | {
        "AUTH": "none", "INGEST_AUTH": "open", "DATABASE_URL": address(engine)
    }  # fmt: skip
    told, sent = Counter[str](), Counter[str]()
    for turn in range(samples(1, 25)):
        port = free_port()
        with running_process(environment, tmp_path, "serve", "--port", str(port)) as process:
            there = f"http://127.0.0.1:{port}"
            first_answer(f"{there}/api/health", process)
            loads = [Load(there, f"pc-{turn}-{n}") for n in range(6)]
            time.sleep(random.uniform(0.7, 1.5))
            os.killpg(process.pid, signal.SIGKILL)
            for load in loads:
                load.thread.join(120)
                assert not load.thread.is_alive() and load.wrong == []
                told.update(load.told)
                sent.update(load.sent)
        compare(engine, told, sent)
    assert sum(told.values()) > 50, "it was killed before it did anything"


def compare(engine: Engine, told: Counter[str], sent: Counter[str]) -> None:
    """Each machine's newest number and its count of reports are between what was answered and what
    was sent: at most the one report that was under way when the server died."""
    here = Ingest("", engine)
    machines = {row.machine_id: row for row in here.rows(inventory)}
    counted = Counter[int]()
    for row in here.rows(agent_hours):
        counted[row.device_id] += row.n
    for found, number in told.items():
        row = machines[found]
        assert number <= row.memory_used_mb == counted[row.device_id] <= sent[found]
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
