"""SEC-25: only proxies that TRUSTED_PROXIES names say for whom they ask."""

from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest

from dashboard.trusted_proxies import TrustedProxies

NETWORKS = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/64"))


def seen(client: str, *headers: tuple[bytes, bytes]) -> tuple[str, str]:
    """The client's address and the scheme that the application sees."""
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    scope = {"type": "http", "client": (client, 5), "scheme": "http", "headers": list(headers)}
    # It waits for nothing, so that one step runs all of it, also where another loop is running.
    with suppress(StopIteration):
        TrustedProxies(app, NETWORKS)(scope, None, None).send(None)  # type: ignore[arg-type]
    return scopes[0]["client"][0], scopes[0]["scheme"]


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("10.0.0.1", b"192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", b"192.0.2.66, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", b"192.0.2.66, 192.0.2.7, 10.1.1.1", "192.0.2.7"),
        ("10.0.0.1", b"10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("10.0.0.1", b"2001:db8:1::5", "2001:db8:1::5"),
        ("2001:db8::1", b"192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"unknown", "10.0.0.1"),
        ("10.0.0.1", b"192.0.2.7, <script>", "10.0.0.1"),
        ("192.0.2.9", b"192.0.2.7", "192.0.2.9"),
        ("", b"192.0.2.7", ""),
    ],
)
def test_sec_25_the_address_is_the_one_that_the_nearest_trusted_proxy_saw(
    client: str, forwarded: bytes, address: str
) -> None:
    assert seen(client, (b"x-forwarded-for", forwarded))[0] == address


def test_sec_25_other_headers_say_nothing() -> None:
    for name in (b"x-real-ip", b"true-client-ip", b"forwarded", b"cf-connecting-ip"):
        assert seen("10.0.0.1", (name, b"192.0.2.7")) == ("10.0.0.1", "http")
    assert seen("10.0.0.1", (b"x-forwarded-proto", b"https"))[1] == "https"
    assert seen("192.0.2.9", (b"x-forwarded-proto", b"https"))[1] == "http"
    twice = ((b"x-forwarded-for", b"192.0.2.66"), (b"x-forwarded-for", b"192.0.2.7"))
    assert seen("10.0.0.1", *twice)[0] == "192.0.2.7"
