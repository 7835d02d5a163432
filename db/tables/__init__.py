"""The tables, by subject. Each comment says what one row is.

`device_snapshots`, `device_payloads`, `device_latest`, `devices` may one day be distributed by
device_id: their keys start with it, nothing is unique without it, no sequence feeds them.
The other tables are small.
"""

from db.tables.base import (
    ALIAS_KEY_LENGTH,
    MATCH_NAME_LENGTH,
    NAME_LENGTH,
    NO_SITE_ID,
    OPEN_END,
    metadata,
)
from db.tables.counts import daily_counts, imported_counts, month_end_counts
from db.tables.coverage import coverage_exceptions, coverage_findings, suggestions
from db.tables.devices import (
    HASHED_FIELDS,
    HASHED_IF_SET,
    HISTORY_FIELDS,
    LISTED_FIELDS,
    NameFields,
    SystemFields,
    asset_links,
    device_keys,
    device_latest,
    device_payloads,
    device_snapshots,
    devices,
    is_hashed_if_set,
    kept_apart,
    site_aliases,
    sites,
)
from db.tables.machines import agent_hours, api_tokens, inventory, report_days, token_sites
from db.tables.months import (
    ALL_SITES,
    month_bases,
    month_changes,
    month_closing_counts,
    month_closings,
    month_members,
    months,
)
from db.tables.runs import (
    collection_runs,
    held_records,
    quarantined_records,
    rule_versions,
    run_details,
    run_suspicions,
    threshold_versions,
)
from db.tables.users import (
    recovery_codes,
    second_factors,
    user_links,
    user_sessions,
    user_sites,
    users,
)
from db.tables.work import audit_log, count_restatements, jobs, leases, meta

__all__ = [
    "ALIAS_KEY_LENGTH",
    "ALL_SITES",
    "HASHED_FIELDS",
    "HASHED_IF_SET",
    "HISTORY_FIELDS",
    "LISTED_FIELDS",
    "MATCH_NAME_LENGTH",
    "NAME_LENGTH",
    "NO_SITE_ID",
    "OPEN_END",
    "NameFields",
    "SystemFields",
    "agent_hours",
    "api_tokens",
    "asset_links",
    "audit_log",
    "collection_runs",
    "count_restatements",
    "coverage_exceptions",
    "coverage_findings",
    "daily_counts",
    "device_keys",
    "device_latest",
    "device_payloads",
    "device_snapshots",
    "devices",
    "held_records",
    "imported_counts",
    "inventory",
    "is_hashed_if_set",
    "jobs",
    "kept_apart",
    "leases",
    "meta",
    "metadata",
    "month_bases",
    "month_changes",
    "month_closing_counts",
    "month_closings",
    "month_end_counts",
    "month_members",
    "months",
    "quarantined_records",
    "report_days",
    "recovery_codes",
    "rule_versions",
    "run_details",
    "second_factors",
    "run_suspicions",
    "site_aliases",
    "sites",
    "suggestions",
    "threshold_versions",
    "token_sites",
    "user_links",
    "user_sessions",
    "user_sites",
    "users",
]
