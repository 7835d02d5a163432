"""`serve` and `worker`."""

import logging
import socket
from ipaddress import ip_address
from typing import Any

import click

from cli.collect import check_settings, select_sources
from cli.database import open_database
from dashboard.base.clock import system_clock
from db.settings import (
    AUTH,
    HOST,
    PORT,
    Environment,
    SettingsError,
    env_choice,
    env_int,
    env_required,
)
from etl.runtime import stopping
from etl.work.due import collect_times
from etl.work.worker import Worker

log = logging.getLogger(__name__)


def check_auth(host: str, environ: Environment | None = None) -> None:
    """Refuse to serve without sign-in beyond this machine.

    Raises:
        SettingsError: other machines could connect without signing in, or AUTH is a method that is
            not implemented yet.
    """
    auth = env_choice(AUTH, ("password", "none", "proxy", "oidc"), environ)
    if auth != "none":
        raise SettingsError(
            f"AUTH is {auth!r}, but sign-in is not part of this version: "
            "set AUTH=none and keep HOST on loopback (127.0.0.1)."
        )
    if not is_loopback(host):
        raise SettingsError(
            f"AUTH=none serves everybody, and HOST is {host}: set HOST to 127.0.0.1 (or --host)."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_port(host: str, port: int) -> None:
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
                "stop the program that uses it, or choose another with --port."
            ) from error


@click.command("serve")
@click.option("--host", help="Address to listen on; HOST.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port; TATUSCAN_PORT, then PORT.")
def serve_command(host: str | None, port: int | None) -> None:
    """Serve the dashboard and the JSON API; never collects."""
    from dashboard.serving import serve

    host = host or env_required(HOST)
    port = port or env_int(PORT, least=1, most=65535)
    check_auth(host)
    check_settings(())
    check_port(host, port)
    open_database().dispose()
    click.echo(f"Inventory Hub at http://{host}:{port}")
    serve(host, port, f"{__name__}:make_server")


def make_server() -> Any:
    """The ASGI application, called in granian's process, where importing `cli` registers the
    sources."""
    from dashboard import serving

    return serving.make_server()


@click.command("worker")
def worker_command() -> None:
    """Collect every configured source when it is due, until stopped."""
    sources = {source.FACTS.name: source for source in select_sources(())}
    check_settings(sources.values())
    if not any(source.FACTS.required for source in sources.values()):
        log.warning("no vendor is configured: only machines that report themselves are collected")
    collect_times()
    stopping.on_signals()
    Worker(open_database(), sources, system_clock).run()
