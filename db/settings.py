"""The settings of the server's commands: one model, validated whole before anything else happens.

`load` reads the model, and the models that sources declare beside their code (`db/sources.py`),
from the process environment and from `.env`. It raises `WrongSettings`, which has a sentence for
every wrong variable.
"""

import io
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv.parser import parse_stream
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import URL

from db.engine import DRIVERS, normalise_url, sqlite_url
from db.roles import USER_ROLES
from db.secrets import SecretStores, StoreSettings, parse_reference
from db.setting_types import (
    Folder,
    HeaderText,
    Names,
    NotSet,
    Port,
    SettingsError,
    SettingsModel,
    SourceSettings,
    Variable,
    VendorAddress,
    WrongValue,
    Zone,
    listed,
    variable,
    variables,
    vendor_address,
    whole,
)
from db.sources import SourceFacts, default_collect_at, registered_sources, source_names
from db.thresholds import RANGES, Thresholds

__all__ = [
    "Settings", "SettingsError", "WrongSettings", "active_settings", "load", "setting_models",
    "use",
]  # fmt: skip

ENV_FILE = Path(".env")
Environment = Mapping[str, str]
Model = TypeVar("Model", bound=SettingsModel)
Stored = Callable[[str, str], str]
"""The secret at a place in a store, given what the sentence about an error begins with."""


def _collect_at(text: str) -> dict[str, time]:
    try:
        parts = [part.partition("=") for part in text.split(",") if part.strip()]
        times = {source.strip(): time.fromisoformat(at.strip()) for source, _, at in parts}
    except ValueError:
        times = {}
    names = source_names()
    if not times or not times.keys() <= set(names):
        raise WrongValue(
            f"set it like {default_collect_at()}, with sources of {', '.join(names)}",
            "cannot be read",
        )
    return times


_KNOWN_KEYS = ("changeme", "change-me", "dev-secret", "secret-key", "your-secret", "example")
_MAKE_KEY = (
    "set it to 32 characters or more; python3 -c 'import secrets; "
    "print(secrets.token_hex(32))' makes one"
)


def _secret_key(text: str) -> str:
    if len(text) < 32:
        raise WrongValue(_MAKE_KEY, f"has {len(text)} characters")
    # Whoever knows the key signs in as anybody.
    if len(set(text)) < 8 or any(known in text.casefold() for known in _KNOWN_KEYS):
        raise WrongValue(_MAKE_KEY, "is a text that others know or guess")
    return text


def _public_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise WrongValue("set it to an address like https://inventory.example.com, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise WrongValue(
            "set it to addresses or networks like 127.0.0.1,10.0.0.0/8", "cannot be read"
        ) from None


def _metrics_token(text: str) -> str:
    if not re.fullmatch(r"[!-~]{16,}", text):
        raise WrongValue("use 16 characters or more, without spaces", "is too weak")
    return text


def _listen(text: str) -> tuple[str, int]:
    host, _colon, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise WrongValue("set it to an address and a port, like 127.0.0.1:9464")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _header_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", text):
        raise WrongValue("set it to the name of a header, like X-Forwarded-User")
    return text


def _group_roles(text: str) -> dict[str, str]:
    roles = {}
    for part in text.split(";"):
        group, _, role = part.rpartition("=")
        if not part.strip():
            continue
        if not group.strip() or role.strip() not in USER_ROLES:
            raise WrongValue(
                "set it like Administrators=administrator;Billing=manager, with roles of "
                f"{', '.join(USER_ROLES)}",
                "cannot be read",
            )
        roles[group.strip()] = role.strip()
    return roles


def _group_sites(text: str) -> dict[str, tuple[str, ...]]:
    sites = {}
    for part in text.split(";"):
        group, _, names = part.partition("=")
        if not part.strip():
            continue
        wanted = tuple(name.strip() for name in names.split("|") if name.strip())
        if not group.strip() or not wanted:
            raise WrongValue(
                "set it like Harbor team=Harbor Dental|North Farms;Helpdesk=*, with names of sites "
                "as on the page Sites",
                "cannot be read",
            )
        sites[group.strip()] = wanted
    return sites


def _path_or_address(text: str) -> str:
    if re.fullmatch(r"/(?!/)[!-\[\]-~]*", text):
        return text
    vendor_address(text.partition("?")[0])
    return text


class Settings(SettingsModel):
    """Every setting that belongs to no single source, and those of the configured sources."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    database_url: Annotated[
        URL | None,
        Names(("DATABASE_URL", "SQLALCHEMY_DATABASE_URI")),
        BeforeValidator(normalise_url),
    ] = Field(default=None, repr=False)
    """Database address, e.g. postgresql://user:password@host/name; default SQLite in DATA_DIR"""
    db_host: str = "localhost"
    """PostgreSQL host, when DATABASE_URL is not set"""
    db_port: Port = 5432
    """PostgreSQL port"""
    db_name: str = "es_inventory_db"
    """PostgreSQL database"""
    db_user: str = "es_inventory_user"
    """PostgreSQL user"""
    db_password: str | None = Field(default=None, repr=False)
    """PostgreSQL password, needed once one DB_ setting is set"""
    tatuscan_db_dir: Folder | None = None
    """Folder of the SQLite file (TatuScan's name for it)"""
    tatuscan_db_file: str = "tatuscan.db"
    """SQLite file in TATUSCAN_DB_DIR (TatuScan's name for it)"""
    data_dir: Folder = Path("data")
    """Folder of inventory.db, the SQLite file, and of tokens that a vendor renews"""
    secret_key: Annotated[str | None, BeforeValidator(_secret_key)] = Field(
        default=None, repr=False
    )
    """Signs the session cookie, 32 characters or more; serve needs it unless AUTH=none"""
    secret_key_old: Annotated[str | None, BeforeValidator(_secret_key)] = Field(
        default=None, repr=False
    )
    """The SECRET_KEY before this one: whoever signed in under it stays signed in, and tokens stay
    valid"""
    token_pepper: Annotated[str | None, BeforeValidator(_secret_key)] = Field(
        default=None, repr=False
    )
    """Key of the stored hashes of tokens, 32 characters or more; default derived from SECRET_KEY"""
    token_pepper_old: Annotated[str | None, BeforeValidator(_secret_key)] = Field(
        default=None, repr=False
    )
    """The TOKEN_PEPPER before this one: tokens stay valid, and each takes the new one when it is
    next used"""
    # TATUSCAN_PORT is the more specific name and wins, as it does in the seeds.
    port: Annotated[Port, Names(("TATUSCAN_PORT", "PORT"))] = 8050
    """Port of the dashboard; a value like tcp://10.43.0.12:80, as Kubernetes sets it beside a
    service, is skipped"""
    host: str = "127.0.0.1"
    """Address the dashboard listens on; 0.0.0.0 is every address of the machine"""
    auth: Literal["password", "none", "proxy", "oidc"] = "password"
    """How people sign in: password, none (nobody does; on a loopback host only), proxy, oidc"""
    require_second_factor: Literal["nobody", "administrators", "everybody"] = "nobody"
    """Who needs a code from an app beside the password: nobody, administrators, everybody;
    inventory-hub user set NAME --second-factor required requires it of one person"""
    public_url: Annotated[str | None, BeforeValidator(_public_url)] = None
    """The dashboard's address in browsers, e.g. https://inventory.example.com: links and cookies
    follow it; default from HOST and PORT"""
    trusted_proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_networks)
    ] = ()
    """Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed,
    separated by commas"""
    proxy_user_header: Annotated[str, BeforeValidator(_header_name)] = "X-Forwarded-User"
    """With AUTH=proxy: the header with the person's name, believed from TRUSTED_PROXIES alone"""
    proxy_groups_header: Annotated[str | None, BeforeValidator(_header_name)] = None
    """With AUTH=proxy: the header with the person's groups, separated by commas"""
    proxy_roles: Annotated[Mapping[str, str], BeforeValidator(_group_roles)] = {}
    """With AUTH=proxy: the role that a group of PROXY_GROUPS_HEADER gives, like
    Administrators=administrator;Billing=manager; without it roles are those of inventory-hub
    user"""
    proxy_sign_out_url: Annotated[str | None, BeforeValidator(_path_or_address)] = None
    """With AUTH=proxy: where the proxy signs people out, like /oauth2/sign_out or an https address;
    without it there is no button to sign out"""
    oidc_issuer: VendorAddress | None = None
    """With AUTH=oidc: the provider's address, below which /.well-known/openid-configuration is"""
    oidc_client_id: HeaderText | None = None
    """With AUTH=oidc: this server's id at the provider"""
    oidc_client_secret: HeaderText | None = Field(default=None, repr=False)
    """With AUTH=oidc: this server's secret at the provider"""
    oidc_scopes: Annotated[tuple[str, ...], listed(" ")] = ("openid", "profile", "email")
    """With AUTH=oidc: what the provider is asked for, separated by spaces"""
    oidc_name: str = "single sign-on"
    """With AUTH=oidc: what the button calls the provider: Sign in with ..."""
    oidc_name_claim: str = "preferred_username"
    """With AUTH=oidc: the claim with the person's name"""
    oidc_groups_claim: str = "groups"
    """With AUTH=oidc: the claim with the person's groups"""
    oidc_roles: Annotated[Mapping[str, str], BeforeValidator(_group_roles)] = {}
    """With AUTH=oidc: the role that a group gives, like IT=administrator;Billing=manager; without
    it roles are those of inventory-hub user"""
    oidc_sites: Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(_group_sites)] = {}
    """With AUTH=oidc: the sites that a group sees, like Harbor team=Harbor Dental|North
    Farms;Helpdesk=* (* for every site); whoever is in none of these groups sees no site,
    administrators see every site; without it sites are those of inventory-hub user"""
    oidc_local_sign_in: Literal["administrators", "everybody", "nobody"] = "administrators"
    """With AUTH=oidc: who may also sign in with a password, at /login?local=1"""
    oidc_ca_file: Folder | None = None
    """With AUTH=oidc: a file with certificates to trust instead of the usual ones"""
    unknown_users: Literal["refuse", "nothing"] = "refuse"
    """Whom a proxy or provider knows, but nobody added or gave a role here: refuse, or nothing (is
    added as a viewer of no site)"""
    ingest_auth: Literal["token", "open"] = "token"
    """Who may report a machine: token (an enrolment token or its own key), or open (anybody: for
    TatuScan's clients, which have none)"""
    ingest_address_rate: Annotated[int | None, whole(1, 10**6)] = None
    """Reports a minute that one address may send; no limit when not set"""
    timezone: Zone = ZoneInfo("UTC")
    """Zone that decides the business day, e.g. America/Chicago"""
    collect_at: Annotated[Mapping[str, time] | None, BeforeValidator(_collect_at)] = None
    """When the worker collects each source, in TIMEZONE, e.g. ninja=02:00,threatlocker=03:00"""
    retention_days: Annotated[int, whole(*RANGES["retention_days"])] = 65
    """Days of which every day is kept, until thresholds are saved in Settings"""
    month_end_retention_months: Annotated[int, whole(*RANGES["month_end_retention_months"])] = 24
    """Months of which the last day is kept, until thresholds are saved in Settings"""
    month_close_days: Annotated[int, whole(*RANGES["month_close_days"])] = 3
    """Days after its end from which a month closes by itself, if every source has a complete run
    in its last 3 days and none is held, else it waits for a click; until thresholds are saved in
    Settings"""
    spare_words: Annotated[tuple[str, ...], listed(",")] = ("spare",)
    """Words in a display name or location that make a device spare, until rules are saved in
    Settings; separated by commas"""
    spare_node_classes: Annotated[tuple[str, ...], listed(",")] = ("VMWARE_VM_GUEST",)
    """Ninja node classes that make a device spare, until rules are saved in Settings; separated by
    commas"""
    internal_sites: Annotated[tuple[str, ...], listed(";")] = ()
    """Names of our own sites, whose devices are excluded, separated by ;"""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """DEBUG, INFO, WARNING or ERROR"""
    metrics_token: Annotated[str | None, BeforeValidator(_metrics_token)] = Field(
        default=None, repr=False
    )
    """Opens /metrics to whoever presents it as a bearer token, 16 characters or more; without it
    there is no such page (monitoring.md)"""
    metrics_listen: Annotated[tuple[str, int] | None, BeforeValidator(_listen)] = None
    """Address and port of its own where metrics are answered to everybody, e.g. 127.0.0.1:9464"""

    sources: Mapping[str, SourceSettings] = Field(default={}, exclude=True)
    """Those of the configured sources, by name."""
    set_by: Mapping[str, str] = Field(default={}, exclude=True)
    """By field, the variable that sets it: DATABASE_URL, SQLALCHEMY_DATABASE_URI, DB_HOST_FILE."""

    @model_validator(mode="after")
    def _password_for_postgresql(self) -> "Settings":
        if self.database_url is None and self._in_parts and self.db_password is None:
            raise NotSet(variable(Settings, "db_password"))
        return self

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds as the environment sets them."""
        agent = self.sources.get("agent")
        return Thresholds(
            retention_days=self.retention_days,
            month_end_retention_months=self.month_end_retention_months,
            month_close_days=self.month_close_days,
            agent_present_days=getattr(agent, "agent_present_days", Thresholds.agent_present_days),
        )

    @property
    def _in_parts(self) -> bool:
        parts = {"db_host", "db_port", "db_name", "db_user", "db_password"}
        return bool(parts & self.model_fields_set)

    @property
    def database(self) -> URL:
        """The database's address: DATABASE_URL, else the DB_ settings once one is set, else a
        SQLite file at TatuScan's settings or the default place."""
        if self.database_url is not None:
            return self.database_url
        if self._in_parts:
            return URL.create(
                DRIVERS["postgresql"], username=self.db_user, password=self.db_password,
                host=self.db_host, port=self.db_port, database=self.db_name,
            )  # fmt: skip
        if self.tatuscan_db_dir is not None:
            return sqlite_url(self.tatuscan_db_dir / self.tatuscan_db_file)
        return sqlite_url(self.data_dir / "inventory.db")

    def with_secrets_of(self, newer: "Settings") -> "Settings":
        """These settings with the secrets, and what else its sources are reached by, of `newer`: a
        running process can take them over at any moment. A source that `newer` does not have stays
        as it is."""
        secrets = {
            each.field: getattr(newer, each.field) for each in variables(Settings) if each.secret
        }
        sources = {name: newer.sources.get(name, own) for name, own in self.sources.items()}
        return self.model_copy(update={**secrets, "sources": sources})

    def of_source(self, facts: SourceFacts) -> SourceSettings:
        """The settings of a source.

        Raises:
            SettingsError: it is not configured; the text says which variable is missing.
        """
        if facts.name in self.sources:
            return self.sources[facts.name]
        for missing in facts.required:
            raise SettingsError(str(NotSet(missing)))
        return facts.settings()


class WrongSettings(SettingsError):
    """Some settings are wrong; `problems` has a sentence for each, by its variable."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = problems
        first, *others = problems.values()
        more = f" {len(others)} more wrong: inventory-hub doctor lists every one." if others else ""
        super().__init__(first + more)


def setting_models() -> list[type[SettingsModel]]:
    """Every model that variables set."""
    return [StoreSettings, Settings, *(facts.settings for facts in registered_sources())]


def load(environ: Environment | None = None, env_file: Path | None = None) -> Settings:
    """Read every setting from `environ` (the process environment), then from `env_file`.

    Raises:
        WrongSettings: at least one is wrong.
    """
    layers = [_Layer(os.environ if environ is None else environ)]
    problems: dict[str, str] = {}
    if env_file is not None:
        try:
            layers.append(_read_env_file(env_file))
        except SettingsError as error:
            problems[str(env_file)] = str(error)
        else:
            _check_private(layers[-1], problems)

    def stored(subject: str, place: str) -> str:
        try:
            return stores.read(parse_reference(place))
        except WrongValue as wrong:
            raise SettingsError(f"{subject} is {place!r}: {wrong}.") from wrong
        except SettingsError as error:
            raise SettingsError(f"{subject} is {place}, but {error}.") from error

    stores = SecretStores(_read(StoreSettings, layers, problems) or StoreSettings())
    settings = _read(Settings, layers, problems, stored)
    sources = {}
    for facts in registered_sources():
        source = _read(facts.settings, layers, problems, stored)
        if source is not None:
            sources[facts.name] = source
    if problems:
        raise WrongSettings(problems)
    assert settings is not None, "every setting of the server has a default"
    # Which variable it is, without asking a store of secrets again.
    set_by = {
        each.field: found.variable
        for each in variables(Settings)
        if (found := _find(each, layers, lambda _subject, _place: "set")) is not None
    }
    return settings.model_copy(update={"sources": sources, "set_by": set_by})


_in_use: Settings | None = None


def use(settings: Settings | None) -> None:
    """Make `settings` those of this process, for whoever is given none; None undoes it."""
    global _in_use
    _in_use = settings


def active_settings(given: Settings | None = None) -> Settings:
    """`given`, else the settings of this process; read from its environment where nobody called
    `use`."""
    return given or _in_use or load()


@dataclass(frozen=True)
class _Layer:
    """Variables from one place. `lines`: where each stands in the file."""

    values: Mapping[str, str]
    file: Path | None = None
    lines: Mapping[str, int] | None = None
    public: bool = False
    """Whether it is a shared file that every user of this machine can read or change."""

    def place(self, name: str) -> str:
        return f" in {self.file}, line {self.lines[name]}," if self.lines else ""


@dataclass(frozen=True)
class _SetValue:
    """A value, and the variable (with its place) that holds it."""

    value: str
    variable: str
    subject: str
    secret: bool

    def sentence(self, wrong: WrongValue) -> str:
        state = wrong.state or ("is wrong" if self.secret else f"is {self.value!r}")
        return f"{self.subject} {state}: {wrong.fix}."


def _check_private(layer: _Layer, problems: dict[str, str]) -> None:
    """Refuse a shared file with secrets that is not for its owner and group alone: other programs'
    secrets are in it too. Of a file of our own `doctor` warns."""
    held = [
        name
        for model in setting_models()
        for each in variables(model)
        for name in each.names
        if each.secret and layer.values.get(name, "").strip()
    ]
    if layer.public and held:
        assert layer.file is not None
        problems[str(layer.file)] = (
            f"{layer.file} holds {held[0]}, and every user of this machine can read or change it: "
            f"chmod 600 {layer.file.resolve()} (or 640, for its group)."
        )


def _read(
    model: type[Model], layers: list[_Layer], problems: dict[str, str], stored: Stored | None = None
) -> Model | None:
    """`model` as the variables set it; None if one that it requires is not set. Adds to `problems`
    what is wrong; the model is then without it."""
    values_set: dict[str, _SetValue] = {}
    missing = []
    for each in variables(model):
        try:
            value = _find(each, layers, stored)
        except SettingsError as error:
            problems[each.name] = str(error)
            continue
        if value is not None:
            values_set[each.field] = value
        elif each.info.is_required():
            missing.append(each)
    if any(each.info.is_required() and each not in missing for each in variables(model)):
        problems.update((each.name, str(NotSet(each))) for each in missing)
    while True:
        values = {field: each.value for field, each in values_set.items()}
        try:
            return model.model_validate(values)
        except ValidationError as error:
            if not _without_wrong(model, values_set, error, problems):
                return None


def _without_wrong(
    model: type[SettingsModel], values_set: dict[str, _SetValue], error: ValidationError,
    problems: dict[str, str],
) -> bool:  # fmt: skip
    """Move what `error` complains of from `values_set` to `problems`; whether there was any."""
    before = len(values_set)
    for each in error.errors():
        if not each["loc"]:  # What must be set because of others.
            not_set: NotSet = each["ctx"]["error"]
            problems.setdefault(not_set.variable.name, str(not_set))
        elif wrong := values_set.pop(field := str(each["loc"][0]), None):
            problems[field.upper()] = wrong.sentence(_wrong_value(model, field, each))
    return len(values_set) < before


def _wrong_value(model: type[SettingsModel], field: str, error: Mapping[str, Any]) -> WrongValue:
    if error["type"] == "literal_error":
        choices = get_args(model.model_fields[field].annotation)
        return WrongValue(f"set it to one of {', '.join(choices)}")
    cause = error.get("ctx", {}).get("error")
    return cause if isinstance(cause, WrongValue) else WrongValue(str(error["msg"]))


def _find(of: Variable, layers: list[_Layer], stored: Stored | None) -> _SetValue | None:
    """The first value that is set, trimmed.

    Raises:
        SettingsError: a file or store that should hold it cannot be read.
    """
    for layer in layers:
        for name in of.names:
            value = layer.values.get(name, "").strip()
            if value and not (of.skips_service_links and "://" in value):
                return _SetValue(value, name, f"{name}{layer.place(name)}", of.secret)
            file = f"{name}_FILE"
            path = layer.values.get(file, "").strip() if of.secret else ""
            if path:
                subject = f"{file}{layer.place(file)}"
                content = _content(subject, path)
                return _SetValue(content, file, f"{subject} names a file whose content", True)
            from_store = f"{name}_FROM"
            place = layer.values.get(from_store, "").strip() if of.secret and stored else ""
            if stored and place:
                subject = f"{from_store}{layer.place(from_store)}"
                content = stored(subject, place).strip()
                return _SetValue(content, from_store, f"{subject} names a secret that", True)
    return None


def _content(subject: str, path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{subject} points to {path}, which cannot be read ({error}): "
            "make the file readable or unset the variable."
        ) from error
    if not content:
        raise SettingsError(f"{subject} points to {path}, which is empty: put the secret in it.")
    return content


def _read_env_file(path: Path) -> _Layer:
    """The variables of a `.env`; none when there is no such file.

    Raises:
        SettingsError: it cannot be read, as a whole or in one line.
    """
    try:
        with path.open("rb") as file:
            data, mode = file.read(), os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        return _Layer({})
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}): make it readable or remove it."
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    # What is UTF-16 without a mark can be read as UTF-8, with a NUL beside every letter.
    if "\0" in text:
        raise SettingsError(f"{path} is not UTF-8: save it again with the encoding UTF-8.")
    values, lines = {}, {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise SettingsError(
                f"{path}, line {binding.original.line}, cannot be read: write it NAME=value."
            )
        if binding.key is not None and binding.value is not None:
            values[binding.key], lines[binding.key] = binding.value, binding.original.line
    return _Layer(values, path, lines, _is_public(path, mode))


def _is_public(path: Path, mode: int) -> bool:
    """Whether `path` is a link to a file that several programs share, and that every user of this
    machine may read or change."""
    # Windows has no such modes.
    open_to_all = os.name == "posix" and bool(mode & (stat.S_IROTH | stat.S_IWOTH))
    return open_to_all and path.is_symlink()
