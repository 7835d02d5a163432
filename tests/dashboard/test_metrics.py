"""/metrics: who may read it, and what it says."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, insert, text

from dashboard.api.metrics import serve_metrics
from dashboard.app import METRICS, create_app
from db.engine import open_engine, sqlite_url, writing
from db.settings import load
from db.tables import collection_runs, jobs
from tests.support.agent_servers import free_port
from tests.support.machines import report
from tests.support.sign_in_site import Site

TOKEN = "a-token-of-sixteen"
NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
OPEN = {"AUTH": "none", "INGEST_AUTH": "open", "METRICS_TOKEN": TOKEN}


def numbers(text: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(engine: Engine) -> dict[tuple[str, ...], float]:
    app = create_app(engine, clock=lambda: NOW, settings=load(OPEN))
    answer = app.server.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return numbers(answer.text)


def test_metrics_are_closed_without_a_token(sqlite_engine: Engine) -> None:
    site = Site(sqlite_engine)
    assert site.browser().get("/metrics").status_code == 303
    there = site.browser(METRICS_TOKEN=TOKEN)
    for header in (
        None,
        "Bearer",
        "Bearer a-token-of-sixtee",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
    ):
        headers = {} if header is None else {"Authorization": header}
        answer = there.get("/metrics", headers=headers)
        assert answer.status_code == 401 and "inventory_hub_" not in answer.text
    opened = there.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert opened.status_code == 200 and "inventory_hub_database_up 1.0" in opened.text
    assert TOKEN not in opened.text


def test_an_address_of_its_own_answers_without_a_token(named_sqlite: Engine) -> None:
    port = free_port()
    settings = load({"AUTH": "none", "METRICS_LISTEN": f"127.0.0.1:{port}"})
    server = create_app(named_sqlite, settings=settings).server
    assert server.test_client().get("/metrics").status_code == 404
    stop = serve_metrics(server.extensions[METRICS], settings)
    try:
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=120)
        assert numbers(answer.text)["inventory_hub_database_up",] == 1
    finally:
        stop()


def test_metrics_say_how_old_the_data_is_and_how_runs_ended(sqlite_engine: Engine) -> None:
    began = NOW - timedelta(hours=30)
    run = {
        "source": "ninja", "timezone": "UTC", "state": "complete", "published": True,
        "business_date": began.date(), "started_at": began, "heartbeat_at": began,
        "finished_at": began + timedelta(seconds=90), "records": 12, "correlation_id": "first",
    }  # fmt: skip
    later = NOW - timedelta(hours=2)
    failed = run | {
        "state": "failed", "published": False, "business_date": later.date(), "started_at": later,
        "finished_at": later + timedelta(seconds=5), "records": None, "correlation_id": "second",
    }  # fmt: skip
    job = {"kind": "collect", "arguments": "{}", "actor": "ada", "state": "waiting",
           "requested_at": NOW - timedelta(minutes=3)}  # fmt: skip
    with writing(sqlite_engine) as connection:
        connection.execute(insert(collection_runs), [run, failed])
        connection.execute(insert(jobs), [job, job | {"kind": "preview", "state": "running"}])
    found = scraped(sqlite_engine)
    expected = {
        ("source_age_seconds", "ninja"): 30 * 3600 - 90, ("source_stale", "ninja"): 1,
        ("source_last_run_seconds", "ninja"): 5, ("source_last_run_records", "ninja"): 0,
        ("last_run_info", "second", "ninja", "failed"): 1,
        ("runs_total", "ninja", "complete"): 1, ("runs_total", "ninja", "failed"): 1,
        ("runs_total", "ninja", "suspicious"): 0,
        ("jobs", "jobs", "waiting"): 1, ("jobs", "previews", "running"): 1,
        ("jobs", "previews", "waiting"): 0, ("job_waits_seconds",): 180,
        ("database_up",): 1, ("schema_current",): 1,
    }  # fmt: skip
    assert {key: found[f"inventory_hub_{key[0]}", *key[1:]] for key in expected} == expected


def test_reports_and_requests_are_counted_by_what_became_of_them(sqlite_engine: Engine) -> None:
    client = create_app(sqlite_engine, clock=lambda: NOW, settings=load(OPEN)).server.test_client()
    for body, status in ((report("pc-1"), 201), (report("pc-1"), 200), ({"os": 1}, 400)):
        with client.post("/api/machines", json=body) as answer:
            assert answer.status_code == status
    client.get("/api/machines/none-such", buffered=True)
    client.open("/api/sites", method="FORGED", buffered=True)
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    found = numbers(answer.text)
    assert found["inventory_hub_reports_total", "stored"] == 2
    assert found["inventory_hub_reports_total", "refused"] == 1
    count = "inventory_hub_request_seconds_count"
    assert found[count, "POST", "/api/machines", "201"] == 1
    methods = {key[1] for key in found if key[0] == count}
    assert "other" in methods and "FORGED" not in methods
    assert not any("none-such" in part for key in found for part in key)


@pytest.mark.parametrize("broken", ["gone", "behind"])
def test_without_a_database_or_with_other_tables_metrics_and_health_say_so(
    tmp_path: Path, migrated_file: Path, broken: str
) -> None:
    path = tmp_path / "hub.db"
    shutil.copyfile(migrated_file, path)
    engine = open_engine(sqlite_url(path))
    client = create_app(engine, clock=lambda: NOW, settings=load(OPEN)).server.test_client()
    assert client.get("/api/health").json["ready"] is True
    if broken == "gone":
        engine.dispose()
        path.write_bytes(b"this is no database at all" * 100)
    else:
        with writing(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    health = client.get("/api/health")
    assert health.json["ready"] is False
    assert health.status_code == (503 if broken == "gone" else 200)
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    found = numbers(answer.text)
    assert found["inventory_hub_database_up",] == (broken == "behind")
    assert found.get(("inventory_hub_schema_current",)) == (None if broken == "gone" else 0)
    engine.dispose()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("METRICS_TOKEN", "short", "use 16 characters"), ("METRICS_LISTEN", "9464", "an address and"),
     ("METRICS_LISTEN", "127.0.0.1:99999", "an address and")],
)  # fmt: skip
def test_wrong_settings_of_metrics_are_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        load({name: value})
