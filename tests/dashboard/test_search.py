"""`q=` ignores case in every script and finds what pages show, alike on every database."""

from datetime import date
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from dashboard.base.settings_params import AuditFilters
from dashboard.queries.audit.audit_log import page
from db.audit import write_entry
from db.engine import reading, writing
from db.search import fold
from tests.support.api_server import NOW, serve_api
from tests.support.machines import insert_machines
from tests.support.small_hub import Hub, Pc

DAY = date(2026, 11, 20)
ROWS = [
    Pc("1", hostname="Бухгалтерия-ПК", serial="0012E5"),
    Pc("2", hostname="JOÃO-Notebook", user="HD\\Ada Quiroz", ip="203.0.113.7"),
    Pc("3", hostname="STRASSE", display_name="Büro Gießen", macs=("00:15:5D:01:AB:CD",)),
    Pc("4", hostname="ISPARTA", display_name="Recep\u200bção"),
    Pc("5", hostname="İzmir", display_name="ılgaz"),
    Pc("6", "2", "Ἀθῆναι ΟΔΟΣ", hostname="odos-6"),
    Pc("7", hostname="cafe\u0301", display_name="50%_off"),
]
FOUND = {
    "бухгалтерия": "1", "БУХГАЛТЕРИЯ-пк": "1", "0012e5": "1",
    "joão": "2", "JOÃO": "2", "ada quiroz": "2", "hd\\ADA": "2", "203.0.113.7": "2",
    "GIESSEN": "3", "gießen": "3", "straße": "3", "STRAẞE": "3",
    "00:15:5d:01:ab:cd": "3", "00-15-5D-01-AB": "3", "0015.5d01.abcd": "3", "00155D01": "3",
    "recepção": "4", "RECEPÇÃO": "4", "ısparta": "4", "İSPARTA": "4", "isparta": "4",
    "IZMIR": "5", "izmir": "5", "İZMİR": "5", "ILGAZ": "5", "ilgaz": "5",
    "οδος": "6", "οδοσ": "6", "CAFÉ": "7", "café": "7", "50%_": "7", "5%": "", "joao": "",
}  # fmt: skip


def test_devices_are_found_in_every_spelling_of_case(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(DAY, ROWS)
    hub.collect(DAY, [Pc("a", "t", "Harbor Dental", "straße", user="HD\\tess")], "threatlocker")

    def keys(basis: str, q: str) -> str:
        path = f"/api/dashboard/devices?basis={basis}&as_of={DAY}&q={quote(q)}"
        return "".join(row["source_key"] for row in client.json(path)["items"])

    with serve_api(engine) as client:
        assert {q: keys("ninja", q) for q in FOUND} == FOUND
        for q in ("Straße", "BÜRO", "οδος", "HARBOR", "zzz"):
            suggested = client.json(f"/api/search?as_of={DAY}&q={quote(q)}")
            devices = {each["device_id"] for each in suggested["devices"]}
            searched = client.json(
                f"/api/dashboard/devices?basis=assets&as_of={DAY}&status=billable&status=spare"
                f"&status=excluded&q={quote(q)}"
            )
            assert devices <= {row["device_id"] for row in searched["items"]}
            room = 8 - len(suggested["sites"])
            assert len(devices) == min(searched["count"], room), q
            named = [each["name"] for each in suggested["sites"]]
            assert named == {"οδος": ["Ἀθῆναι ΟΔΟΣ"], "HARBOR": ["Harbor Dental"]}.get(q, [])
        assert client.json("/api/search?q=%20") == {"sites": [], "devices": []}
        assert keys("assets", "tess") == "3", "a machine is found by what any source knows of it"
        assert keys("ninja", "tess") == ""


def test_machines_are_found_in_every_spelling_of_case(engine: Engine) -> None:
    insert_machines(
        engine,
        {"hostname": "STRASSE", "logged_in_user": "Ada Quiroz", "site": "ΟΔΟΣ"},
        {"hostname": "izmir", "mac_addresses": '["00:15:5d:01:ab:cd", "3c:ec:ef:00:00:01"]'},
    )
    sought = {"straße": "STRASSE", "ADA q": "STRASSE", "οδος": "STRASSE", "İZMİR": "izmir",
              "00-15-5D-01-AB-CD": "izmir", "3CECEF": "izmir", "abcd3c": ""}  # fmt: skip
    with serve_api(engine) as client:
        answers: dict[str, Any] = {
            q: client.json(f"/api/machines?limit=9&q={quote(q)}")["items"] for q in sought
        }
    assert {q: "".join(each["hostname"] for each in answers[q]) for q in answers} == sought


def test_the_audit_log_is_searched_in_every_spelling_of_case(engine: Engine) -> None:
    with writing(engine) as connection:
        entry = write_entry(connection, "Ana", "merge_sites", "STRASSE 1", NOW, {"to": "João"})
    with reading(engine) as connection:
        for text in ("straße 1", "JOÃO"):
            listed = page(connection, AuditFilters(text=text), limit=9)
            assert [each.entry_id for each in listed] == [entry]


@given(st.text())
def test_folding_again_or_in_another_case_changes_nothing(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded == fold(text.upper()) == fold(text.lower()) == fold(text.title())
