"""What the two programs' database users may do: the web server writes only what machines report and
people request, the worker all that is counted, and only `migrate`, run by the owner of the tables,
creates or changes tables."""

from collections.abc import Iterable, Iterator

from sqlalchemy import URL, Table

from db.settings import SettingsError
from db.tables import (
    agent_hours,
    api_tokens,
    audit_log,
    inventory,
    jobs,
    metadata,
    recovery_codes,
    report_days,
    second_factors,
    token_sites,
    used_states,
    user_links,
    user_sessions,
    user_sites,
    users,
)

WEB_USER, WORKER_USER = "inventory_hub_web", "inventory_hub_worker"
_OF_PEOPLE = (
    users, user_sites, user_sessions, user_links, second_factors, recovery_codes, used_states,
    token_sites,
)  # fmt: skip
_WRITTEN_BY_WEB = (inventory, agent_hours, report_days, api_tokens, *_OF_PEOPLE)
_ADDED_BY_WEB = (jobs, audit_log)
"""The web server adds rows to these, and changes none."""


def statements(url: URL, web: str = WEB_USER, worker: str = WORKER_USER) -> Iterator[str]:
    """The GRANT statements for the database at `url`, in order; the users exist already.

    Raises:
        SettingsError: the database has no users.
    """
    if url.get_backend_name() == "postgresql":
        yield from _postgresql(url, web, worker)
    elif url.get_backend_name() in ("mysql", "mariadb"):
        yield from _mysql(url, web, worker)
    else:
        raise SettingsError(
            "SQLite has no users: whoever may read the file reads all of it. "
            "Set DATABASE_URL to a PostgreSQL or MariaDB database, or protect the file."
        )


def _postgresql(url: URL, web: str, worker: str) -> Iterator[str]:
    both = f'"{web}", "{worker}"'
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    yield f"GRANT USAGE ON SCHEMA public TO {both}"
    # What earlier versions granted.
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {both}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {both}"
    yield f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{web}"'
    yield f'GRANT INSERT, UPDATE, DELETE ON {_names(_WRITTEN_BY_WEB)} TO "{web}"'
    yield f'GRANT INSERT ON {_names(_ADDED_BY_WEB)} TO "{web}"'
    yield f'GRANT SELECT ON {_names(_read_by_worker())}, alembic_version TO "{worker}"'
    yield f'GRANT INSERT, UPDATE, DELETE ON {_names(_written_by_worker())} TO "{worker}"'
    yield f'GRANT INSERT ON {audit_log.name} TO "{worker}"'


def _mysql(url: URL, web: str, worker: str) -> Iterator[str]:
    def grant(rights: str, tables: Iterable[str], user: str) -> Iterator[str]:
        for table in tables:
            yield f"GRANT {rights} ON `{url.database}`.`{table}` TO `{user}`"

    every = [*sorted(metadata.tables), "alembic_version"]
    for user in (web, worker):
        yield f"GRANT CREATE TEMPORARY TABLES ON `{url.database}`.* TO `{user}`"
    yield from grant("SELECT", every, web)
    yield from grant("INSERT, UPDATE, DELETE", (table.name for table in _WRITTEN_BY_WEB), web)
    yield from grant("INSERT", (table.name for table in _ADDED_BY_WEB), web)
    read = [table.name for table in _read_by_worker()]
    yield from grant("SELECT", [*read, "alembic_version"], worker)
    written = (table.name for table in _written_by_worker())
    yield from grant("INSERT, UPDATE, DELETE", written, worker)
    yield from grant("INSERT", [audit_log.name], worker)


def _read_by_worker() -> list[Table]:
    return [table for table in metadata.sorted_tables if table not in _OF_PEOPLE]


def _written_by_worker() -> list[Table]:
    return [table for table in _read_by_worker() if table is not audit_log]


def _names(tables: Iterable[Table]) -> str:
    return ", ".join(sorted(table.name for table in tables))
