"""People who sign in. Each comment says what a row is."""

from sqlalchemy import BigInteger, Boolean, Column, String, Text, false

from db.tables.base import NAME_LENGTH, id_column, table
from db.types import SerialId, UtcDateTime

# Person who may sign in. `name_key` is the name as it is compared. Without `password_hash` only a
# link lets the person in, to choose a password. `limited`: sees only the sites in `user_sites`.
# `subject_hash`: of the issuer and subject as whom an OpenID provider knows the person.
# `second_factor_required`: does not get in without a row in `second_factors`.
# `language`: the one that the person chose; null: as the browser asks.
users = table(
    "users",
    Column("user_id", SerialId, primary_key=True, autoincrement=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("name_key", String(NAME_LENGTH), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", String(255)),
    Column("enabled", Boolean, nullable=False),
    Column("limited", Boolean, nullable=False, server_default=false()),
    Column("second_factor_required", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(NAME_LENGTH), nullable=False),
    Column("password_changed_at", UtcDateTime),
    Column("language", String(8)),
    Column("subject_hash", String(64), index=True, unique=True),
)

# Browser in which a person is signed in. The browser keeps the token; here is its hash. `id_token`:
# with which an OpenID provider signed the person in, encrypted by `db.vault`; signing out names it.
user_sessions = table(
    "user_sessions",
    Column("session_id", SerialId, primary_key=True, autoincrement=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("user_id", BigInteger, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("address", String(45), nullable=False),
    Column("browser", String(NAME_LENGTH), nullable=False),
    Column("id_token", Text),
)

# Link for choosing a password, used once. Without `user_id` it makes the first administrator.
user_links = table(
    "user_links",
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", BigInteger, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

# Site that a limited person sees.
user_sites = table("user_sites", id_column("user_id"), id_column("site_id"))

# Second factor of a person: the secret that the person's app has too, encrypted by `db.vault`, and
# the time step of the newest code that was used, so that none is used twice.
second_factors = table(
    "second_factors",
    id_column("user_id"),
    Column("secret", String(512), nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
)

# Code that replaces the second factor once. The person keeps it; here is its hash.
recovery_codes = table(
    "recovery_codes",
    id_column("user_id"),
    Column("code_hash", String(64), primary_key=True),
)

# State of a sign-in with an OpenID provider that has come back, so that none comes back twice.
used_states = table(
    "used_states",
    Column("state_hash", String(64), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
)
