"""Secrets by reference: NAME_FROM names a place in Vault or AWS Secrets Manager."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.settings import WrongSettings, load
from tests.support.agent_servers import free_port
from tests.support.secret_stores import (
    ROLE,
    ROLE_SECRET,
    KeyValueStore,
    SecretsManager,
    secrets_manager,
    vault,
)

VALUE = 'it\'s $a # "value" = 100 %, ç'


@pytest.fixture(scope="module")
def kv() -> Iterator[KeyValueStore]:
    with vault() as running:
        yield running


@pytest.fixture
def store(kv: KeyValueStore) -> KeyValueStore:
    """Vault that holds one path."""
    kv.paths, kv.sealed = {"inventory-hub/db": {"password": VALUE, "port": 5432}}, False
    kv.requests.clear()
    return kv


@pytest.fixture(scope="module")
def aws() -> Iterator[SecretsManager]:
    with secrets_manager() as running:
        running.put("hub/db", VALUE)
        running.put("hub/keys", '{"password": "of json", "empty": ""}')
        yield running


def problem(environ: dict[str, str]) -> str:
    """The sentence about the only wrong variable."""
    with pytest.raises(WrongSettings) as caught:
        load(environ)
    (sentence,) = caught.value.problems.values()
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


def test_a_secret_is_read_from_vault_unchanged(store: KeyValueStore) -> None:
    environ = store.environ() | {"DB_PASSWORD_FROM": "vault:secret/inventory-hub/db#password"}
    settings = load(environ)
    assert settings.db_password == settings.database.password == VALUE
    assert VALUE not in repr(settings)


def test_vault_is_asked_once_for_each_place_and_only_if_a_reference_counts(
    store: KeyValueStore,
) -> None:
    place = "vault:secret/inventory-hub/db#password"
    store.paths["inventory-hub/db"]["key"] = "0f8e5b1c7a9d42638e5fb0c1d2a39487"
    references = {"DB_PASSWORD_FROM": place, "SECRET_KEY_FROM": place.replace("password", "key")}
    load(store.environ() | references)
    assert store.requests == ["GET /v1/secret/data/inventory-hub/db"]
    assert (
        load(store.environ() | {"DB_PASSWORD_FROM": place, "DB_PASSWORD": "p"}).db_password == "p"
    )
    assert load(store.environ() | {"DB_USER_FROM": place}).db_user == "es_inventory_user"
    assert len(store.requests) == 1


def test_vault_is_read_with_an_approle_whose_secret_id_is_in_a_file(
    store: KeyValueStore, tmp_path: Path
) -> None:
    (tmp_path / "id").write_text(ROLE_SECRET)
    environ = {
        "VAULT_ADDR": store.address, "VAULT_ROLE_ID": ROLE,
        "VAULT_SECRET_ID_FILE": str(tmp_path / "id"),
        "DB_PASSWORD_FROM": "vault:secret/inventory-hub/db#password",
    }  # fmt: skip
    assert load(environ).db_password == VALUE
    (tmp_path / "id").write_text("another-secret-id")
    assert "DB_PASSWORD_FROM is vault:secret/" in problem(environ)


def test_a_secret_is_read_from_aws_whole_or_by_its_key(aws: SecretsManager) -> None:
    assert load(aws.environ | {"DB_PASSWORD_FROM": "aws:hub/db"}).db_password == VALUE
    assert (
        load(aws.environ | {"DB_PASSWORD_FROM": "aws:hub/keys#password"}).db_password == "of json"
    )


def test_the_next_reading_finds_the_rotated_secret(
    store: KeyValueStore, aws: SecretsManager
) -> None:
    of_vault = store.environ() | {"DB_PASSWORD_FROM": "vault:secret/inventory-hub/db#password"}
    of_aws = aws.environ | {"DB_PASSWORD_FROM": "aws:hub/rotated"}
    for value in ("before", "after"):
        store.paths["inventory-hub/db"]["password"] = value
        aws.put("hub/rotated", value)
        assert load(of_vault).db_password == load(of_aws).db_password == value


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("vault:secret/none#password", "Vault has no secret none in its KV store secret"),
        ("vault:secret/inventory-hub/db#other", "there is no text in 'other': store the secret"),
        ("vault:secret/inventory-hub/db#port", "there is no text in 'port'"),
        ("vault:secret/inventory-hub/db", "set it to a place like vault:secret/inventory-hub#key"),
        ("vault:secret#key", "set it to a place like"),
        ("gcp:hub", "set it to a place like"),
        ("hunter2", "set it to a place like"),
    ],
)
def test_a_place_without_a_secret_is_named(store: KeyValueStore, place: str, sentence: str) -> None:
    found = problem(store.environ() | {"DB_PASSWORD_FROM": place})
    assert found.startswith("DB_PASSWORD_FROM is ") and sentence in found


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("aws:hub/none", "AWS Secrets Manager refused (ResourceNotFoundException): see that"),
        ("aws:hub/keys#empty", "there is no text in 'empty'"),
        ("aws:hub/db#key", "there is no text in 'key'"),
    ],
)
def test_aws_without_the_secret_is_said(aws: SecretsManager, place: str, sentence: str) -> None:
    assert sentence in problem(aws.environ | {"DB_PASSWORD_FROM": place})


def test_a_store_that_refuses_or_is_away_is_said_without_any_secret(store: KeyValueStore) -> None:
    place = {"DB_PASSWORD_FROM": "vault:secret/inventory-hub/db#password"}
    refused = problem(store.environ() | place | {"VAULT_TOKEN": "hvs.hunter2"})
    assert "Vault refused: see that VAULT_TOKEN" in refused and "hunter2" not in refused
    store.sealed = True
    assert "see that it runs and is unsealed" in problem(store.environ() | place)
    away = {"VAULT_ADDR": f"http://127.0.0.1:{free_port()}", "VAULT_TOKEN": "hvs.hunter2"}
    found = problem(away | place)
    assert "gave no answer that can be used" in found and "hunter2" not in found
    assert "VAULT_ADDR is not set: set it to the address of Vault" in problem(place)


def test_a_value_from_a_store_is_checked_like_any_other(store: KeyValueStore) -> None:
    store.paths["inventory-hub/db"]["key"] = "hunter2"
    found = problem(store.environ() | {"SECRET_KEY_FROM": "vault:secret/inventory-hub/db#key"})
    assert found.startswith("SECRET_KEY_FROM names a secret that has 7 characters: set it to 32")
    assert "hunter2" not in found
