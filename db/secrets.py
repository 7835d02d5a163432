"""Secrets by reference: NAME_FROM says where in HashiCorp Vault (or OpenBao, which speaks the same)
or AWS Secrets Manager the value of NAME is. Their client libraries are optional extras."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from db.setting_types import (
    Folder,
    HeaderText,
    SettingsError,
    SettingsModel,
    VendorAddress,
    WrongValue,
)

TIMEOUT_SECONDS = 10


class StoreSettings(SettingsModel):
    """How the stores are reached; read before every other setting."""

    vault_addr: VendorAddress | None = None
    """Address of HashiCorp Vault or OpenBao, for secrets like NAME_FROM=vault:secret/hub#key"""
    vault_token: HeaderText | None = Field(default=None, repr=False)
    """A token of Vault that may read those secrets"""
    vault_role_id: HeaderText | None = None
    """Instead of a token: the role id of an AppRole of Vault"""
    vault_secret_id: HeaderText | None = Field(default=None, repr=False)
    """The secret id of that AppRole"""
    vault_namespace: HeaderText | None = None
    """Namespace of Vault, where it has any"""
    vault_cacert: Folder | None = None
    """A file with certificates to trust for Vault instead of the usual ones"""
    aws_region: HeaderText | None = None
    """Region of AWS Secrets Manager, for secrets like NAME_FROM=aws:hub/ninja#key"""
    aws_access_key_id: HeaderText | None = None
    """Access key that may read those secrets; default what boto3 finds: a profile, or the role of
    the machine"""
    aws_secret_access_key: HeaderText | None = Field(default=None, repr=False)
    """The secret of that access key"""
    aws_session_token: HeaderText | None = Field(default=None, repr=False)
    """The session token, if that access key is a temporary one"""
    aws_endpoint_url: VendorAddress | None = None
    """Address of AWS Secrets Manager, if it is not the region's own"""


@dataclass(frozen=True)
class Reference:
    """The place of one secret in a store."""

    store: Literal["vault", "aws"]
    path: str
    key: str | None
    """Of the fields at `path`; None for the whole text, which only AWS has."""

    def __str__(self) -> str:
        return f"{self.store}:{self.path}" + (f"#{self.key}" if self.key else "")


def parse_reference(text: str) -> Reference:
    """Read vault:MOUNT/PATH#KEY, aws:NAME or aws:NAME#KEY.

    Raises:
        WrongValue: it is none of these.
    """
    store, _, place = text.partition(":")
    path, _, key = place.partition("#")
    if store == "aws" and path:
        return Reference("aws", path, key or None)
    mount, _, rest = path.partition("/")
    if store == "vault" and mount and rest.strip("/") and key:
        return Reference("vault", path, key)
    raise WrongValue("set it to a place like vault:secret/inventory-hub#key or aws:name#key")


class SecretStores:
    """Reads secrets of both stores; asks for each place once."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._fields: dict[tuple[str, str], Mapping[str, Any] | str] = {}

    def read(self, reference: Reference) -> str:
        """The secret at `reference`.

        Raises:
            SettingsError: it cannot be had; the text says why and what to do, and holds no secret.
        """
        place = (reference.store, reference.path)
        if place not in self._fields:
            fetch = _from_vault if reference.store == "vault" else _from_aws
            self._fields[place] = fetch(self._settings, reference.path)
        found = self._fields[place]
        if reference.key is None:
            value: Any = found
        elif isinstance(found, str):
            value = _json_fields(found).get(reference.key)
        else:
            value = found.get(reference.key)
        if not isinstance(value, str) or not value.strip():
            wanted = f"no text in {reference.key!r}" if reference.key else "no text"
            raise SettingsError(f"there is {wanted}: store the secret there, or correct the place")
        return value


def _json_fields(text: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _from_vault(settings: StoreSettings, path: str) -> Mapping[str, Any]:
    try:
        import hvac
        from hvac.exceptions import Forbidden, InvalidPath, VaultError
    except ImportError as error:
        raise _not_installed("vault") from error
    if settings.vault_addr is None:
        raise SettingsError("VAULT_ADDR is not set: set it to the address of Vault")
    mount, _, inside = path.partition("/")
    try:
        client = hvac.Client(
            url=settings.vault_addr,
            token=settings.vault_token,
            namespace=settings.vault_namespace,
            verify=str(settings.vault_cacert) if settings.vault_cacert else True,
            timeout=TIMEOUT_SECONDS,
        )
        if settings.vault_token is None and settings.vault_role_id is not None:
            client.auth.approle.login(settings.vault_role_id, settings.vault_secret_id)
        answer = client.secrets.kv.v2.read_secret_version(
            inside, mount_point=mount, raise_on_deleted_version=True
        )
        fields: Mapping[str, Any] = answer["data"]["data"]
    except Forbidden as error:
        raise SettingsError(
            f"Vault refused: see that VAULT_TOKEN (or the AppRole) has not run out and that its "
            f"policy may read {mount}/data/{inside}"
        ) from error
    except InvalidPath as error:
        raise SettingsError(
            f"Vault has no secret {inside} in its KV store {mount} (version 2): store it there, "
            "or correct the place"
        ) from error
    # What requests raises, which hvac sends them with, is an OSError.
    except (VaultError, OSError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(
            f"Vault at {settings.vault_addr} gave no answer that can be used "
            f"({type(error).__name__}): see that it runs and is unsealed"
        ) from error
    return fields


def _from_aws(settings: StoreSettings, name: str) -> str:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise _not_installed("aws") from error
    try:
        client = boto3.client(
            "secretsmanager",
            region_name=settings.aws_region,
            aws_access_key_id=settings.aws_access_key_id,
            aws_secret_access_key=settings.aws_secret_access_key,
            aws_session_token=settings.aws_session_token,
            endpoint_url=settings.aws_endpoint_url,
            config=Config(
                connect_timeout=TIMEOUT_SECONDS,
                read_timeout=TIMEOUT_SECONDS,
                retries={"total_max_attempts": 3},
            ),
        )
        text: str = client.get_secret_value(SecretId=name).get("SecretString", "")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "no code")
        raise SettingsError(
            f"AWS Secrets Manager refused ({code}): see that {name} exists in this region and that "
            "this access key or role may call secretsmanager:GetSecretValue on it"
        ) from error
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(
            f"AWS Secrets Manager could not be asked ({type(error).__name__}): set AWS_REGION, and "
            "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY unless this machine has a role"
        ) from error
    return text


def _not_installed(extra: str) -> SettingsError:
    return SettingsError(
        f"its client is not installed: pip install 'inventory-hub[{extra}]', in the place where "
        "Inventory Hub is installed"
    )
