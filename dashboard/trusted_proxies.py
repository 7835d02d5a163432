"""The address and scheme of the browser behind proxies that TRUSTED_PROXIES names. What any other
client says of itself in X-Forwarded-For is not believed."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from dashboard.ingest.gate import App, Message, Receive, Send
from dashboard.web.proxy_sign_in import VIA_PROXY

Networks = Sequence[IPv4Network | IPv6Network]


class TrustedProxies:
    """An ASGI application that sees the browser as its client, not the proxy before it."""

    def __init__(self, app: App, networks: Networks) -> None:
        self._app = app
        self._networks = networks

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle one ASGI 3 connection."""
        if scope["type"] == "http" and scope.get("client"):
            host, port = scope["client"][:2]
            if self._trusts(host):
                scope = {**scope, "client": (self._browser(scope, host), port), VIA_PROXY: True}
                if _last(scope, b"x-forwarded-proto") in ("http", "https"):
                    scope["scheme"] = _last(scope, b"x-forwarded-proto")
        await self._app(scope, receive, send)

    def _browser(self, scope: Message, proxy: str) -> str:
        """The address that the nearest trusted proxy saw first among untrusted ones."""
        seen = proxy
        for address in reversed(_values(scope, b"x-forwarded-for")):
            try:
                ip_address(address)
            except ValueError:
                break
            seen = address
            if not self._trusts(address):
                break
        return seen

    def _trusts(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _values(scope: Message, name: bytes) -> list[str]:
    joined = b",".join(value for header, value in scope["headers"] if header.lower() == name)
    return [part.strip() for part in joined.decode("latin-1").split(",") if part.strip()]


def _last(scope: Message, name: bytes) -> str | None:
    values = _values(scope, name)
    return values[-1] if values else None
