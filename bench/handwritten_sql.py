"""The floor of queries: handwritten SQL for one question on our tables, run on the driver's cursor.

Each statement answers what the product's query answers; the answers are compared before the times.
"""

# ruff: noqa: S608 (all statements are made of the constants of this file)

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Engine

COUNTS = """
    SELECT site_id, device_type, billing_status, n FROM daily_counts
    WHERE snapshot_date = :now AND basis = 'assets' AND billing_status IN ('billable', 'spare')
"""

SEARCHED = """
    SELECT site_id, device_type, billing_status, count(*) FROM device_snapshots
    WHERE valid_from <= :now AND valid_to > :now AND billing_status IN ('billable', 'spare')
      AND (lower(hostname) LIKE :q OR lower(display_name) LIKE :q OR lower(serial) LIKE :q
           OR lower(os) LIKE :q OR lower(node_class) LIKE :q
           OR site_id IN (SELECT site_id FROM sites WHERE lower(name) LIKE :q))
    GROUP BY site_id, device_type, billing_status
"""

_BARS = """
    SELECT sum(was_counted),
           sum(CASE WHEN is_counted = 1 AND was_present = 0 THEN 1 ELSE 0 END),
           sum(CASE WHEN was_counted = 1 AND is_present = 0 THEN 1 ELSE 0 END),
           0, 0,
           sum(CASE WHEN is_counted = 1 AND was_present = 1 AND was_counted = 0 THEN 1 ELSE 0 END),
           sum(CASE WHEN was_counted = 1 AND is_present = 1 AND is_counted = 0 THEN 1 ELSE 0 END),
           sum(is_counted)
    FROM (
        SELECT max(was) AS was_present, max(is_now) AS is_present,
               max(CASE WHEN was = 1 AND billing_status = 'billable' THEN 1 ELSE 0 END)
                   AS was_counted,
               max(CASE WHEN is_now = 1 AND billing_status = 'billable' THEN 1 ELSE 0 END)
                   AS is_counted
        FROM ({rows}) AS both_days GROUP BY key
    ) AS entities
"""

BARS_OF_RECORDS = _BARS.format(
    rows="""
    SELECT device_id AS key, billing_status,
           CASE WHEN valid_from <= :was AND valid_to > :was THEN 1 ELSE 0 END AS was,
           CASE WHEN valid_from <= :now AND valid_to > :now THEN 1 ELSE 0 END AS is_now
    FROM device_snapshots
    WHERE (valid_from <= :was AND valid_to > :was) OR (valid_from <= :now AND valid_to > :now)
"""
)

_EXCLUDED = "CASE WHEN s.billing_status = 'excluded' THEN 1 ELSE 0 END"
_PRIORITY = """
                 CASE s.source WHEN 'ninja' THEN 0 WHEN 'threatlocker' THEN 1 ELSE 2 END,
                 CASE WHEN s.node_class = 'VMWARE_VM_GUEST' THEN 1 ELSE 0 END,
                 d.first_seen DESC, s.device_id DESC
"""
_PRESENT = """
    FROM device_snapshots s JOIN devices d ON d.device_id = s.device_id
    WHERE s.valid_from <= {day} AND s.valid_to > {day}
"""
_PRIMARY = f"""
    SELECT s.asset_id, s.billing_status, row_number() OVER (
        PARTITION BY s.asset_id ORDER BY {_EXCLUDED}, {_PRIORITY}
    ) AS priority
    {_PRESENT}
"""

BARS_OF_ASSETS = _BARS.format(
    rows=" UNION ALL ".join(
        (
            "SELECT asset_id AS key, billing_status, 1 AS was, 0 AS is_now FROM ("
            + _PRIMARY.format(day=":was")
            + ") AS primary_then WHERE priority = 1",
            "SELECT asset_id, billing_status, 0, 1 FROM ("
            + _PRIMARY.format(day=":now")
            + ") AS primary_now WHERE priority = 1",
        )
    )
)

# The first hundred changes, in the order of the page.
_LIST = """
    SELECT e.key FROM (
        SELECT key, max(was) AS was_present, max(is_now) AS is_present,
               max(CASE WHEN was = 1 AND billing_status = 'billable' THEN 1 ELSE 0 END)
                   AS was_counted,
               max(CASE WHEN is_now = 1 AND billing_status = 'billable' THEN 1 ELSE 0 END)
                   AS is_counted,
               max(CASE WHEN is_now = 1 THEN site_id END) AS site_now,
               max(CASE WHEN was = 1 THEN site_id END) AS site_then,
               max(CASE WHEN is_now = 1 THEN hostname END) AS hostname_now,
               max(CASE WHEN was = 1 THEN hostname END) AS hostname_then
        FROM ({rows}) AS both_days GROUP BY key
    ) AS e
    LEFT JOIN sites t ON t.site_id = coalesce(e.site_now, e.site_then)
    WHERE e.was_counted <> e.is_counted
    ORDER BY CASE WHEN e.was_present = 0 THEN 0 WHEN e.is_present = 0 THEN 1
                  WHEN e.is_counted = 1 THEN 2 ELSE 3 END,
             lower(t.name), lower(coalesce(e.hostname_now, e.hostname_then)), e.key
    LIMIT 100
"""

LIST_OF_RECORDS = _LIST.format(
    rows="""
    SELECT device_id AS key, billing_status, site_id, hostname,
           CASE WHEN valid_from <= :was AND valid_to > :was THEN 1 ELSE 0 END AS was,
           CASE WHEN valid_from <= :now AND valid_to > :now THEN 1 ELSE 0 END AS is_now
    FROM device_snapshots
    WHERE (valid_from <= :was AND valid_to > :was) OR (valid_from <= :now AND valid_to > :now)
"""
)

_PRIMARY_WITH_NAMES = _PRIMARY.replace(
    "s.billing_status,", "s.billing_status, s.site_id, s.hostname,", 1
)
LIST_OF_ASSETS = _LIST.format(
    rows=" UNION ALL ".join(
        (
            "SELECT asset_id AS key, billing_status, site_id, hostname, 1 AS was, 0 AS is_now "
            "FROM ("
            + _PRIMARY_WITH_NAMES.format(day=":was")
            + ") AS primary_then WHERE priority = 1",
            "SELECT asset_id, billing_status, site_id, hostname, 0, 1 "
            "FROM ("
            + _PRIMARY_WITH_NAMES.format(day=":now")
            + ") AS primary_now WHERE priority = 1",
        )
    )
)

_CELLS = """
    s.device_id, s.source, d.source_key, s.site_id, t.name, s.location, s.hostname,
    s.display_name, {device_type}, s.billing_status, s.reason, s.os, s.node_class, s.serial,
    l.last_contact, d.first_seen, s.asset_id
"""
_JOINS = """
    JOIN devices d ON d.device_id = s.device_id
    LEFT JOIN sites t ON t.site_id = s.site_id
    LEFT JOIN device_latest l ON l.device_id = s.device_id
"""
_ORDER = "ORDER BY lower(t.name), lower(s.hostname), s.device_id"

FILE_OF_RECORDS = f"""
    SELECT {_CELLS.format(device_type="s.device_type")} FROM device_snapshots s {_JOINS}
    WHERE s.valid_from <= :now AND s.valid_to > :now
      AND s.billing_status IN ('billable', 'spare')
    {_ORDER}
"""

_MANAGED = (
    "max(CASE WHEN s.source = '{source}' AND s.billing_status <> 'excluded' THEN 1 ELSE 0 END) "
    "OVER (PARTITION BY s.asset_id) AS {source}"
)
FILE_OF_ASSETS = f"""
    SELECT {_CELLS.format(device_type="m.device_type")},
           CASE WHEN ninja = 1 THEN 'ninja' ELSE '' END
           || CASE WHEN ninja = 1 AND threatlocker = 1 THEN ', ' ELSE '' END
           || CASE WHEN threatlocker = 1 THEN 'threatlocker' ELSE '' END
    FROM (
        SELECT s.device_id, s.valid_from,
               row_number() OVER (
                   PARTITION BY s.asset_id ORDER BY {_EXCLUDED}, {_PRIORITY}
               ) AS priority,
               first_value(s.device_type) OVER (
                   PARTITION BY s.asset_id
                   ORDER BY {_EXCLUDED},
                            CASE WHEN s.device_type = 'unknown' THEN 1 ELSE 0 END, {_PRIORITY}
               ) AS device_type,
               {_MANAGED.format(source="ninja")}, {_MANAGED.format(source="threatlocker")}
        {_PRESENT.format(day=":now")}
    ) AS m
    JOIN device_snapshots s ON s.device_id = m.device_id AND s.valid_from = m.valid_from
    {_JOINS}
    WHERE m.priority = 1 AND s.billing_status IN ('billable', 'spare')
    {_ORDER}
"""


class RawConnection:
    """A driver's connection, for the statements of this module."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.raw_connection()
        self._named = engine.dialect.name == "sqlite"

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.rollback()
        self._connection.close()

    def cursor(self, sql: str, values: Mapping[str, Any]) -> Any:
        """A cursor on which `sql` was executed."""
        cursor = self._connection.cursor()
        # sqlite3 reads ":day", psycopg2 "%(day)s".
        cursor.execute(sql if self._named else re.sub(r":(\w+)", r"%(\1)s", sql), values)
        return cursor

    def rows(self, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with closing(self.cursor(sql, values)) as cursor:
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
