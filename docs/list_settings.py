"""Writes docs/settings.md from the settings as the code declares them: `db/settings.py`, and the
settings of each source beside its code."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from db.secrets import StoreSettings
from db.setting_types import SettingsModel, Variable, variables
from db.settings import Settings
from db.sources import default_collect_at, registered_sources
from etl.sources import register_discovered

register_discovered()
PAGE = Path(__file__).parent / "settings.md"

GROUPS = {
    "database_url": "Where the data is",
    "secret_key": "Keys",
    "port": "The dashboard, and how people sign in",
    "proxy_user_header": "Sign-in by a proxy",
    "oidc_issuer": "Sign-in with an identity provider",
    "ingest_auth": "Machines that report themselves",
    "timezone": "Collecting and counting",
    "log_level": "Logs and metrics",
}
"""The first field of each group of the server's settings, in their order, and its heading."""

COMPUTED = {"collect_at": default_collect_at}
"""Defaults that the code works out."""

INTRODUCTION = """\
# Settings

Made by `docs/list_settings.py` from the code, which reads them; what `inventory-agent` reads is in
[agent.md](agent.md).

By environment or `.env`, a file in UTF-8 in the folder in which a command starts; the environment
wins. `.env.example` is one to copy. A secret may be in a file instead: `NAME_FILE` holds its path;
or in a store: `NAME_FROM` names its place, see [secrets.md](secrets.md).
Of several names the first that is set wins. A source is collected once everything is set that its
table says is "to be set".

Every command reads all of them before it begins: a wrong one ends it with exit code 2 and a
sentence that names the variable and the fix; `inventory-hub doctor` lists every wrong one.
"""


def page() -> str:
    """The page in Markdown."""
    parts = [INTRODUCTION]
    heading = ""
    rows: list[str] = []
    for each in variables(Settings):
        if each.field in GROUPS:
            parts += _section(heading, rows)
            heading, rows = GROUPS[each.field], []
        rows.append(_row(Settings, each))
    parts += _section(heading, rows)
    stores = [_row(StoreSettings, each) for each in variables(StoreSettings)]
    parts += _section("Secrets in Vault or AWS Secrets Manager", stores)
    for facts in registered_sources():
        parts += _section(
            f"Source: {facts.label}",
            [_row(facts.settings, each) for each in variables(facts.settings)],
        )
    return "\n".join(parts)


def _section(heading: str, rows: list[str]) -> Iterator[str]:
    if rows:
        yield f"## {heading}\n"
        yield "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows]) + "\n"


def _row(model: type[SettingsModel], each: Variable) -> str:
    names = [f"`{name}`" for name in each.names]
    meaning = " ".join((each.info.description or "").split()).replace("|", "\\|")
    secret = " (secret)" if each.secret else ""
    return f"| {' or '.join(names)}{secret} | {_default(model, each)} | {meaning} |"


def _default(model: type[SettingsModel], each: Variable) -> str:
    if each.field in COMPUTED:
        return f"`{COMPUTED[each.field]()}`"
    default = each.info.default
    if each.info.is_required():
        return "to be set"
    if not default:
        return "none"
    if not isinstance(default, tuple):
        return f"`{default}`"
    for separator in (",", ";", " "):
        text = separator.join(default)
        try:
            read = model.model_validate({each.field: text})
        except ValidationError:
            continue
        if getattr(read, each.field) == default:
            return f"`{text}`"
    raise ValueError(f"no text reads as the default of {each.name}")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
