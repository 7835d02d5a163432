"""The invoice pack: it adds up row by row, proves itself, and of a closed month never changes."""

import io
import json
import random
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Engine, update

from dashboard.base.params import BASES
from db.engine import reading, writing
from db.months.closings import next_to_close
from db.tables import month_closings
from tests.conftest import MakeEngine
from tests.support.api_server import ApiClient, serve_api
from tests.support.files import csv_rows
from tests.support.samples import samples, some
from tests.support.small_hub import Hub, Pc, pcs

pytestmark = pytest.mark.any_database

Files = dict[str, Any]
NOW = datetime(2024, 3, 6, 12, tzinfo=UTC)


def january(n: int) -> date:
    return date(2024, 1, n)


def february(n: int) -> date:
    return date(2024, 2, n)


NORTH = {"org": "2", "org_name": "North Farms"}


def story(engine: Engine) -> Hub:
    """January closed. In February Harbor gets one, loses one, one moves away, one becomes spare,
    one is renamed."""
    hub = Hub(engine)
    harbor = [Pc(str(n), hostname=f"=H-{n}") for n in range(6)]
    hub.collect(january(31), [*harbor, Pc("n1", **NORTH)])
    hub.collect(january(31), pcs(range(3)), "threatlocker")
    hub.collect(february(3), [*harbor, Pc("n1", **NORTH)])
    hub.close("2024-01")
    later = [
        Pc("new", hostname="H-NEW"),
        replace(harbor[1], org="2", org_name="North Farms"),
        replace(harbor[2], display_name="spare 2"),
        replace(harbor[3], hostname="H-RENAMED"),
        *harbor[4:],
        Pc("n1", **NORTH),
    ]
    hub.collect(february(20), later)
    hub.collect(february(29), later)
    hub.collect(february(29), pcs(range(3)), "threatlocker")
    hub.collect(date(2024, 3, 5), later)
    return hub


@contextmanager
def serve_at(hub: Hub, now: datetime = NOW) -> Iterator[ApiClient]:
    with serve_api(hub.engine, clock=lambda: now) as client:
        yield client


@pytest.fixture(scope="module")
def story_client(make_engine: MakeEngine) -> Iterator[ApiClient]:
    """The API of the story, which nobody changes."""
    with serve_at(story(make_engine("sqlite"))) as client:
        yield client


def pack(client: ApiClient, site: int, month: str, basis: str = "ninja") -> bytes:
    path = f"/export/invoice-pack.zip?site={site}&month={month}&basis={basis}"
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    return answer.content


def read_pack(content: bytes) -> Files:
    """The rows of each file, and about.json read."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == [
            "opening.csv", "closing.csv", "changes.csv", "counts.csv", "about.json",
        ]  # fmt: skip
        found: Files = {name: csv_rows(archive.read(name)) for name in archive.namelist()[:4]}
        found["about.json"] = json.loads(archive.read("about.json"))
        for name, proof in found["about.json"]["files"].items():
            assert proof["sha256"] == sha256(archive.read(name)).hexdigest()
            assert proof["rows"] == len(found[name])
    return found


IN = ("added", "moved_in", "reclassified_in")
OUT = ("removed", "moved_out", "reclassified_out")


def check(found: Files) -> None:
    """Opening and changes make the closing, device by device, and the counts say the same."""
    key = "asset_id" if found["about.json"]["filters"]["basis"] == "assets" else "device_id"
    opening = {row[key] for row in found["opening.csv"]}
    closing = {row[key] for row in found["closing.csv"]}
    came = {row[key] for row in found["changes.csv"] if row["bar"] in IN}
    went = {row[key] for row in found["changes.csv"] if row["bar"] in OUT}
    assert len(opening) == len(found["opening.csv"]) and len(closing) == len(found["closing.csv"])
    assert came.isdisjoint(opening) and went <= opening
    assert (opening | came) - went == closing
    counts = {row["name"]: row["value"] for row in found["counts.csv"]}
    assert (int(counts["opening"]), int(counts["closing"])) == (len(opening), len(closing))
    for bar in (*IN, *OUT):
        assert int(counts[bar]) == sum(row["bar"] == bar for row in found["changes.csv"])
    if "month_end" in counts:
        assert counts["month_end"] == counts["closing"]
    else:
        assert not closing


def test_a_closed_month_adds_up_and_lists_its_reasons(engine: Engine) -> None:
    hub = story(engine)
    hub.close("2024-02")
    harbor = hub.site_of("1").site_id
    with serve_at(hub) as client:
        found = read_pack(pack(client, harbor, "2024-02"))
    check(found)
    bars = {row["bar"]: row for row in found["changes.csv"]}
    assert set(bars) == {"added", "removed", "moved_out", "reclassified_out", ""}
    assert bars["moved_out"]["site_after"] == "North Farms"
    assert "Harbor Dental to North Farms" in bars["moved_out"]["reasons"]
    assert "renamed to spare 2, so spare" in bars["reclassified_out"]["reasons"]
    assert bars["removed"]["hostname"] == "'=H-0"  # no spreadsheet runs it
    assert bars[""]["hostname"] == "H-RENAMED"
    about = found["about.json"]
    assert about["not_kept"] == {"last_contact": "Not kept for past days: this column is empty."}
    assert (about["state"], about["filters"]["site_name"]) == ("closed", "Harbor Dental")
    assert about["opening"]["sources"]["ninja"]["date"] == "2024-01-31"
    assert about["closing"]["sources"]["threatlocker"]["date"] == "2024-02-29"
    assert len(about["month_closing"]["hash"]) == 64


@pytest.mark.parametrize("basis", some([basis for basis in BASES if basis != "agent"], 2))
def test_a_closed_month_has_the_same_bytes_whatever_happens_later(
    sqlite_engine: Engine, basis: str
) -> None:
    hub = story(sqlite_engine)
    hub.close("2024-02")
    harbor = hub.site_of("1").site_id
    with serve_at(hub) as client:
        before = pack(client, harbor, "2024-02", basis)
        hub.collect(date(2024, 3, 6), [Pc("0", hostname="H-0"), *pcs(range(20, 30))])
        hub.retain()
        assert pack(client, harbor, "2024-02", basis) == before
    with serve_at(hub, NOW + timedelta(days=40)) as client:
        assert pack(client, harbor, "2024-02", basis) == before
    assert read_pack(before)["about.json"]["filters"]["basis"] == basis


@pytest.mark.parametrize("basis", some(BASES, 3))
def test_the_preliminary_pack_of_an_open_month_equals_that_of_its_closing(
    sqlite_engine: Engine, basis: str
) -> None:
    hub = story(sqlite_engine)
    harbor = hub.site_of("1").site_id
    with serve_at(hub) as client:
        if basis == "agent":  # it was never collected
            path = f"/export/invoice-pack.zip?site={harbor}&month=2024-02&basis=agent"
            assert client.json(path, 400)["parameter"] == "month"
            hub.close("2024-02")
            assert client.json(path, 400)["parameter"] == "month"
            return
        content = pack(client, harbor, "2024-02", basis)
        live = read_pack(content)
        assert pack(client, harbor, "2024-02", basis) == content
        hub.close("2024-02")
        closed = read_pack(pack(client, harbor, "2024-02", basis))
    check(live)
    assert live["about.json"]["state"] == "preliminary"
    for name in ("opening.csv", "closing.csv", "changes.csv", "counts.csv"):
        assert live[name] == closed[name], name


def zip_files(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FIRST_FORM = {
    "opening.csv": (
        b"device_id,source,source_key,site_id,site,location,hostname,display_name,device_type,"
        b"billing_status,reason,os,node_class,serial,last_contact,first_seen,asset_id\r\n"
    ),
    "counts.csv": (
        b"name,value\r\nopening,\r\nadded,\r\nremoved,\r\nmoved_in,\r\nmoved_out,\r\n"
        b"reclassified_in,\r\nreclassified_out,\r\nclosing,4\r\nmonth_end,4\r\naverage,%s\r\n"
        b"peak,4\r\npeak_day,2024-01-31\r\ndevice_days,25\r\ndays,8\r\n"
    ),
}
MARK = b"\xef\xbb\xbf"


def test_the_pack_of_a_month_that_an_earlier_version_closed_keeps_its_form(engine: Engine) -> None:
    hub = Hub(engine)
    named = [Pc("b", hostname="B"), Pc("z", hostname="Z"), Pc("none")]
    hub.collect(january(24), named)
    hub.collect(january(31), [*named, Pc("a", hostname="A")])
    hub.collect(date(2024, 3, 5), named)
    hub.close("2024-01")
    site = hub.site_of("1").site_id
    with serve_at(hub) as client:
        new = zip_files(pack(client, site, "2024-01"))
        with writing(hub.engine) as connection:
            connection.execute(update(month_closings).values(pack_form=1))
        old = zip_files(pack(client, site, "2024-01"))
    # 25 device-days in 8 days: 3.125, half away from zero.
    for average, files, mark in ((b"3.1250", old, b""), (b"3.13", new, MARK)):
        assert files["opening.csv"] == mark + FIRST_FORM["opening.csv"]
        assert files["counts.csv"] == mark + FIRST_FORM["counts.csv"] % average
        assert files["closing.csv"].startswith(mark + b"device_id,")
        assert ("not_kept" in json.loads(files["about.json"])) == (files is new)
        proof = json.loads(files["about.json"])["files"]
        assert proof["counts.csv"]["sha256"] == sha256(files["counts.csv"]).hexdigest()
    hostnames = [
        [row["hostname"] for row in csv_rows(files["closing.csv"])] for files in (old, new)
    ]
    # What has no hostname was first, and is last now.
    assert hostnames == [["", "A", "B", "Z"], ["A", "B", "Z", ""]]


def test_the_opening_counts_of_a_month_are_the_closing_counts_of_the_one_before(
    sqlite_engine: Engine,
) -> None:
    hub = story(sqlite_engine)
    hub.close("2024-02")
    harbor = hub.site_of("1").site_id
    with serve_at(hub) as client:
        one, two = (read_pack(pack(client, harbor, month)) for month in ("2024-01", "2024-02"))
    assert one["closing.csv"] == two["opening.csv"]
    assert one["about.json"]["files"]["closing.csv"] == two["about.json"]["files"]["opening.csv"]


def test_the_first_month_has_no_opening_and_never_a_zero(sqlite_engine: Engine) -> None:
    hub = story(sqlite_engine)
    with serve_at(hub) as client:
        found = read_pack(pack(client, hub.site_of("1").site_id, "2024-01"))
    assert (found["opening.csv"], found["changes.csv"], len(found["closing.csv"])) == ([], [], 6)
    counts = {row["name"]: row["value"] for row in found["counts.csv"]}
    assert (counts["opening"], counts["added"], counts["closing"]) == ("", "", "6")
    assert found["about.json"]["opening"]["known"] is False


def test_the_running_month_goes_up_to_the_newest_day(sqlite_engine: Engine) -> None:
    hub = story(sqlite_engine)
    with serve_at(hub) as client:
        found = read_pack(pack(client, hub.site_of("1").site_id, "2024-03"))
    check(found)
    assert found["about.json"]["closing"]["day"] == "2024-03-05"


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("site=1", 400, "month"), ("month=2024-02", 400, "site"),
        ("site=0&month=2024-02", 400, "site"), ("site=x&month=2024-02", 400, "site"),
        ("site=1&month=2024-2", 400, "month"), ("site=1&month=2025-01", 400, "month"),
        ("site=1&month=2023-11", 400, "month"), ("site=1&month=0001-01", 404, "month"),
        ("site=1&month=1989-12", 404, "month"), ("site=1&month=2024-02&basis=all", 400, "basis"),
        ("site=1&month=2024-02&type=server", 400, "type"),
        ("site=1&site=2&month=2024-02", 400, "site"), ("site=77&month=2024-02", 404, None),
    ],
)  # fmt: skip
def test_a_month_without_a_pack_is_refused(
    story_client: ApiClient, query: str, code: int, name: str | None
) -> None:
    body = story_client.json(f"/export/invoice-pack.zip?{query}", code)
    assert (body["code"], body.get("parameter")) == (code, name)


def test_a_closed_month_whose_members_are_purged_is_refused(sqlite_engine: Engine) -> None:
    hub = story(sqlite_engine)
    hub.environ["MONTH_END_RETENTION_MONTHS"] = "1"
    harbor = hub.site_of("1").site_id
    hub.close("2024-02")
    hub.collect(date(2024, 4, 20), hub.sources["ninja"].rows)
    hub.close("2024-03")
    hub.retain()
    with serve_at(hub, NOW + timedelta(days=60)) as client:
        body = client.json(f"/export/invoice-pack.zip?site={harbor}&month=2024-01", 400)
    assert "not kept" in body["error"]


@pytest.mark.parametrize("seed", range(samples(2, 300)))
def test_every_pack_of_a_random_history_adds_up(sqlite_engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    hub, month = Hub(sqlite_engine), 1
    fleet: dict[str, Pc] = {}
    day = january(28)
    while month < 4:
        for key in map(str, rng.sample(range(14), 4)):
            if rng.random() < 0.2:
                fleet.pop(key, None)
                continue
            org = rng.choice("112")
            fleet[key] = Pc(
                key, org=org, org_name=f"Site {org}", hostname=f"H{key}",
                display_name=rng.choice((None, "spare")), managed=rng.random() > 0.1,
            )  # fmt: skip
        hub.collect(day, [*fleet.values(), *pcs(range(100, 130))])
        if rng.random() < 0.5:
            shields = [replace(pc, display_name=None) for pc in fleet.values()]
            hub.collect(day, [*shields, *pcs(range(100, 130))], "threatlocker")
        day += timedelta(days=rng.randrange(1, 9))
        if day.month > month:
            month = day.month
            hub.collect(day, [*fleet.values(), *pcs(range(100, 130))])
            with reading(hub.engine) as connection:
                due = next_to_close(connection)
            if due and rng.random() < 0.6:
                hub.close(due)
    with serve_at(hub, datetime(2024, 5, 1, tzinfo=UTC)) as client:
        for site in (hub.site_of("1").site_id, hub.site_of("2").site_id):
            for name in ("2024-02", "2024-03", f"{day:%Y-%m}"):
                for basis in ("assets", "records", "ninja"):
                    check(read_pack(pack(client, site, name, basis)))
