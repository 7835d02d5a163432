"""A stretch as decisions see it: where its alias belongs now, and what the rules say of it."""

from typing import Any

from sqlalchemy import Connection, func, select

from db.names import site_roots
from db.rules import ENVIRONMENT, Rules, all_versions
from db.tables import NO_SITE_ID, rule_versions, site_aliases, sites
from etl.records.states import hash_state
from etl.rules.billing import billing_status
from etl.rules.site_names import match_name


class RuleEvaluator:
    """Where each alias belongs, and what each version of the rules says of a stretch there."""

    def __init__(self, connection: Connection) -> None:
        roots = site_roots(connection)
        aliases = site_aliases.c
        rows = connection.execute(select(aliases.source, aliases.alias_key, aliases.site_id))
        self._sites = {(source, key): roots.get(site, site) for source, key, site in rows}
        named = connection.execute(select(sites.c.site_id, sites.c.name))
        self._names = {site_id: name for site_id, name in named}
        self._versions = all_versions(connection)
        self._internal = {
            version: {match_name(name) for name in rules.internal_sites}
            for version, rules in self._versions.items()
        }
        saved = select(func.max(rule_versions.c.version))
        by_person = rule_versions.c.author != ENVIRONMENT
        self._least = connection.scalar(saved.where(by_person)) or 0

    def evaluate(self, one: dict[str, Any]) -> dict[str, Any]:
        """A stretch as decisions see it, but for its machine."""
        alias = one["alias_key"]
        site = NO_SITE_ID if alias is None else self._sites[one["source"], alias]
        version = max(one["rule_version"], self._least)
        if site == one["site_id"] and version == one["rule_version"]:
            return dict(one)
        rules: Rules = self._versions[version]
        name = self._names.get(site)
        internal = name if name and match_name(name) in self._internal[version] else None
        status = billing_status(
            unmanaged=one["unmanaged"],
            internal_site=internal,
            display_name=one["display_name"],
            location=one["location"],
            node_class=one["node_class"],
            spare_words=rules.spare_words,
            spare_node_classes=rules.spare_node_classes,
        )
        said = one | {
            "site_id": site,
            "billing_status": status.value,
            "reason": status.reason[:400],
            "rule_version": version,
        }
        return said | {"state_hash": hash_state(said)}
