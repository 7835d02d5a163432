"""`serve` and `worker`."""

import logging
import socket
from typing import Any

import click
from sqlalchemy import Engine

from cli.collect import select_sources
from cli.database import open_database
from cli.logs import configure_logs
from cli.settings import pass_settings, process_settings, renewed_database, renewed_settings
from dashboard.base.clock import system_clock
from db import second_factors, sessions, users
from db.engine import writing
from db.setting_types import NotSet, is_loopback, variable
from db.settings import Settings, SettingsError, use
from db.vault import Vault
from etl.runtime import lease, stopping
from etl.work.worker import Worker

log = logging.getLogger(__name__)


_NEEDED_BY = {
    "proxy": ("trusted_proxies",),
    "oidc": ("oidc_issuer", "oidc_client_id", "oidc_client_secret"),
}
"""Fields that a method of AUTH needs."""


def check_auth(settings: Settings, host: str) -> None:
    """Refuse to serve where strangers could use the dashboard.

    Raises:
        SettingsError: other machines could connect without signing in; sessions could not be
            signed; or what the method of AUTH needs is not set.
    """
    if settings.auth == "none":
        if not is_loopback(host):
            raise SettingsError(
                f"AUTH=none serves everybody, and HOST is {host}: set HOST to 127.0.0.1 "
                "(or --host), or let people sign in (AUTH=password)."
            )
        return
    for field in ("secret_key", *_NEEDED_BY.get(settings.auth, ())):
        if not getattr(settings, field):
            raise SettingsError(str(NotSet(variable(Settings, field))))
    if settings.proxy_roles and settings.proxy_groups_header is None:
        raise SettingsError(str(NotSet(variable(Settings, "proxy_groups_header"))))


def public_address(settings: Settings, host: str, port: int) -> str:
    """The dashboard's address in browsers."""
    at = f"[{host}]" if ":" in host else host
    return settings.public_url or f"http://{at}:{port}"


def check_port(host: str, port: int, option: str = "--port") -> None:
    """Check before any work that `port` can be bound.

    Raises:
        SettingsError: it is taken, or this user may not bind it.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {host} cannot be used ({error.strerror}): "
                f"stop the program that uses it, or choose another with {option}."
            ) from error


@click.command("serve")
@click.option("--host", help="Address to listen on; HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port; TATUSCAN_PORT, then PORT.")
@pass_settings
def serve_command(settings: Settings, host: str | None, port: int | None) -> None:
    """Serve the dashboard and the JSON API; never collects."""
    from dashboard.serving import serve

    host = host or settings.host
    port = port or settings.port
    check_auth(settings, host)
    check_port(host, port)
    if settings.metrics_listen is not None:
        check_port(*settings.metrics_listen, "METRICS_LISTEN")
    engine = open_database(settings)
    address = public_address(settings, host, port)
    click.echo(f"Inventory Hub at {address}")
    has_provider = settings.auth == "oidc"
    if settings.auth == "password" or (has_provider and settings.oidc_local_sign_in != "nobody"):
        _invite_first_administrator(engine, address)
        _prepare_second_factors(engine, settings)
    if settings.auth != "none" and not is_loopback(host) and address.startswith("http:"):
        click.echo(
            "Passwords travel unencrypted: put a proxy with TLS before it and set PUBLIC_URL to "
            "its https address.",
            err=True,
        )
    engine.dispose()
    serve(host, port, f"{__name__}:make_server")


def _invite_first_administrator(engine: Engine, address: str) -> None:
    """Print the link that makes the first user, while there is none."""
    with writing(engine) as connection:
        if users.exist(connection):
            return
        token = sessions.new_link(connection, None, system_clock())
    click.echo(f"Nobody can sign in yet. Make the first administrator: {address}/invite/{token}")
    click.echo("The link works once, for an hour. Each start prints a new one.")


def _prepare_second_factors(engine: Engine, settings: Settings) -> None:
    """Sign out who needs a second factor and has none, and make SECRET_KEY_OLD superfluous."""
    with writing(engine) as connection:
        second_factors.sign_out_without(connection, settings)
        for name in second_factors.renew_encryption(connection, Vault.of(settings)):
            click.echo(
                f"The second factor of {name} was made under another SECRET_KEY: set that one as "
                f"SECRET_KEY_OLD, or run inventory-hub user second-factor-reset {name!r}.",
                err=True,
            )


def make_server() -> Any:
    """The ASGI application, called in granian's process, where importing `cli` registers the
    sources."""
    from dashboard import serving

    settings = process_settings()
    use(settings)
    configure_logs(settings.log_level)
    return serving.make_server(settings, renewed=renewed_database)


@click.command("worker")
@pass_settings
def worker_command(settings: Settings) -> None:
    """Collect every configured source when it is due, until stopped."""
    engine = open_database(settings)
    sources = {source.FACTS.name: source for source in select_sources(settings, ())}
    if not any(source.FACTS.required for source in sources.values()):
        log.warning("no vendor is configured: only machines that report themselves are collected")
    stopping.on_signals()
    with lease.take(engine, lease.WORKING) as held:
        Worker(engine, sources, system_clock, settings, renewed_settings).run(held)
