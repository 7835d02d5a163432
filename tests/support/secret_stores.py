"""Stores of secrets to read from: AWS Secrets Manager as moto serves it, and Vault's KV version 2.

No package carries a Vault or OpenBao server, so what speaks Vault's wire here is of our making,
after its HTTP API; the requests are those of the real client, hvac.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from flask import Flask, request
from moto.server import ThreadedMotoServer

from etl.demo.serving import ServedApp

TOKEN = "hvs.a-token-for-loopback"
ROLE, ROLE_SECRET = "a-role", "a-secret-id-for-loopback"
REGION = "us-east-2"


@dataclass
class KeyValueStore:
    """Vault with one KV store at `secret`; `paths` is what it holds."""

    address: str = ""
    paths: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    sealed: bool = False
    requests: list[str] = field(default_factory=list)

    def environ(self) -> dict[str, str]:
        """The settings with which it is read."""
        return {"VAULT_ADDR": self.address, "VAULT_TOKEN": TOKEN}


@contextmanager
def vault() -> Iterator[KeyValueStore]:
    """Vault's wire on a free port."""
    store, app = KeyValueStore(), Flask("vault")

    @app.before_request
    def _refuse() -> Any:
        store.requests.append(f"{request.method} {request.path}")
        if store.sealed:
            return {"errors": ["Vault is sealed"]}, 503
        token = request.headers.get("X-Vault-Token")
        if "/auth/" not in request.path and token not in store.tokens:
            return {"errors": ["permission denied"]}, 403
        return None

    @app.get("/v1/secret/data/<path:path>")
    def _read(path: str) -> Any:
        if path not in store.paths:
            return {"errors": []}, 404
        metadata = {"version": 1, "destroyed": False, "deletion_time": "", "custom_metadata": None}
        return {"data": {"data": store.paths[path], "metadata": metadata}}

    @app.post("/v1/auth/approle/login")
    def _login() -> Any:
        said = request.get_json()
        if (said.get("role_id"), said.get("secret_id")) != (ROLE, ROLE_SECRET):
            return {"errors": ["invalid role or secret ID"]}, 400
        return {"auth": {"client_token": TOKEN, "policies": ["hub"], "lease_duration": 1200}}

    served = ServedApp(app)
    store.address = served.address
    try:
        yield store
    finally:
        served.stop()


class SecretsManager:
    """AWS Secrets Manager, as the real client of AWS sees it."""

    def __init__(self, address: str) -> None:
        self.environ = {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "loopback",
            "AWS_SECRET_ACCESS_KEY": "loopback-secret",
            "AWS_ENDPOINT_URL": address,
        }
        self._client = boto3.client(
            "secretsmanager", region_name=REGION, endpoint_url=address,
            aws_access_key_id="loopback", aws_secret_access_key="loopback-secret",
        )  # fmt: skip

    def put(self, name: str, text: str) -> None:
        """Store `text`, or rotate to it."""
        try:
            self._client.create_secret(Name=name, SecretString=text)
        except self._client.exceptions.ResourceExistsException:
            self._client.put_secret_value(SecretId=name, SecretString=text)


@contextmanager
def secrets_manager() -> Iterator[SecretsManager]:
    """moto's server on a free port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield SecretsManager(f"http://{host}:{port}")
    finally:
        server.stop()
