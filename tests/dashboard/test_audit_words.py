"""The audit log in words: every kind of decision, every argument, names instead of ids."""

import re
from dataclasses import asdict
from datetime import UTC, date, datetime

from sqlalchemy import Engine

from dashboard.base.access import Actor
from dashboard.base.settings_params import AuditFilters
from dashboard.components.settings.audit import entries
from dashboard.queries.audit import audit_log
from dashboard.queries.audit.audit_log import Entry
from dashboard.words.decision_words import action_word, before_and_after, field_word
from db import rules
from db.decisions import KINDS
from db.engine import reading
from db.keys import device_id
from etl.decisions.machines import keep_apart, link_devices
from etl.decisions.rules import save_rules
from etl.decisions.runs import reject_run
from etl.decisions.sites import confirm_sites, expect_sources, merge_sites, move_alias
from etl.decisions.undo import undo
from tests.support.callbacks import create_demo_app
from tests.support.mounted_page import read_aloud
from tests.support.random_hub import decision_context
from tests.support.small_hub import Hub, Pc

DAY = date(2026, 11, 4)
NOW = datetime(2026, 11, 4, 9, tzinfo=UTC)
CODE = re.compile(r"[a-z]_[a-z]|\b\d{6,}\b|\b[0-9a-f]{32,}\b")
"""A name of the code, or an id."""


def test_every_argument_of_every_kind_of_decision_has_a_name() -> None:
    for decision in KINDS.values():
        if decision.label:
            assert "_" not in action_word(decision.kind)
            for name in decision.argument_names():
                words = field_word(name)
                assert words[0].isupper() and "_" not in words and " id" not in words, name


def test_the_log_names_sites_devices_runs_and_months_and_folds_the_raw_record(
    sqlite_engine: Engine,
) -> None:
    hub = Hub(sqlite_engine)
    fleet = [Pc("1", "1", "Harbor Dental", "front-1"), Pc("2", "2", "Harbour Dental", "rear-2")]
    fleet += [Pc(str(n), "3", "North Farms", f"barn-{n}") for n in range(3, 9)]
    hub.collect(date(2026, 10, 30), fleet)
    hub.collect(DAY, fleet)
    hub.close("2026-10", "Ana")
    hub.reopen("2026-10", "An invoice was late.", "Ana")
    hub.collect(date(2026, 11, 5), fleet[:2])  # North Farms went to zero: held
    harbor, harbour = hub.site_of("1").site_id, hub.site_of("2").site_id
    one, two = device_id("ninja", "1"), device_id("ninja", "2")
    with decision_context(hub, DAY, "Ben") as by:
        confirm_sites(by, [harbor])
        merge = merge_sites(by, harbour, harbor)
        link = link_devices(by, one, two)
        undo(by, link)
        keep_apart(by, one, two)
        undo(by, merge)
        move_alias(by, "ninja", "2", harbor)
        expect_sources(by, harbor, ["ninja"])
        with reading(hub.engine) as connection:
            now = asdict(rules.current_rules(connection))
        now.pop("version")
        save_rules(by, {**now, "spare_words": ["loaner"]}, "Loaners are spare")
        reject_run(by, hub.runs()[-1].run_id, "Their agent was off.")
    app = create_demo_app(hub.engine)
    with app.server.test_request_context(), reading(hub.engine) as connection:
        rows = audit_log.page(connection, AuditFilters(), limit=100)
        lines = [line for row in rows for line in before_and_after(row)]
        wrong = [line for line in lines if CODE.search(" ".join(line))]
        assert wrong == []
        text = read_aloud(entries(rows, Actor("Ana", frozenset())))
    for said in (
        "Close a month Oct 2026", "Reopen a month Oct 2026", "Reject a run NinjaRMM, 5 Nov 2026",
        "Reason Their agent was off.", "Site Harbour Dental", "Merged into Harbor Dental",
        "Device front-1 Other device rear-2", "Spare words spare", "Undone decision Merge sites",
        "Expected sources \u2013 \u2192 NinjaRMM",
    ):  # fmt: skip
        assert said in text, (said, text)
    assert text.count(" Details ") >= len(rows) - 1 and '"action": "reject_run"' in text


def test_a_token_and_a_person_are_said_in_their_own_words(sqlite_engine: Engine) -> None:
    made = {"kind": "read", "addresses": [], "name": "api"}
    rows = [
        Entry(1, NOW, "Ana", "token_add", "token x", {"before": {}, "after": made}),
        Entry(2, NOW, "Ana", "user_set", "user Bo", {"sites": [None, [1]]}, sites={"1": "Harbor"}),
        Entry(3, NOW, "Ana", "user_set", "user Bo", {"role": ["viewer", "manager"]}),
    ]
    app = create_demo_app(sqlite_engine)
    with app.server.test_request_context():
        assert [before_and_after(row) for row in rows] == [
            [("Kind", "\u2013", "read"), ("Name", "\u2013", "api")],
            [("Sites", "every site", "Harbor")],
            [("Role", "viewer", "manager")],
        ]
