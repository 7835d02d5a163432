"""A small OpenID provider on a loopback port: discovery, RSA keys, a page to choose who one is, the
authorization code flow with PKCE, user info, and the way out. What a test tampers with is an
attribute."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

from tests.support.api_server import serve_in_thread

CLIENT_ID, CLIENT_SECRET = "inventory-hub", "a secret of the test & more"
Claims = dict[str, Any]


def rsa_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"}, private=True)


class OpenIdProvider:
    """Its people, its keys, and what it was asked."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.issuer, self.redirect_uris = "", set[str]()
        self.people: dict[str, Claims] = {}
        self.key = rsa_key("first")
        self.published = [self.key]
        self.is_down = False
        self.change_claims: Callable[[Claims], Mapping[str, Any]] = lambda claims: claims
        self.make_token: Callable[[Claims], str] = self.sign
        self.groups_in_token, self.secret_in_form = True, False
        self.signed_out: list[dict[str, str]] = []
        self.clock, self._codes, self._access = clock, dict[str, Claims](), dict[str, str]()
        self.app = self._made()

    def sign(self, claims: Claims, key: RSAKey | None = None, alg: str = "RS256") -> str:
        used = key or self.key
        return jwt.encode({"alg": alg, "kid": used.kid}, claims, used, algorithms=[alg])

    def _made(self) -> Flask:
        app = Flask("openid-provider")

        @app.before_request
        def _down() -> tuple[str, int] | None:
            return ("down for maintenance", 503) if self.is_down else None

        @app.get("/.well-known/openid-configuration")
        def _configuration() -> Response:
            places = {
                "authorization_endpoint": "authorize", "token_endpoint": "token",
                "jwks_uri": "keys", "userinfo_endpoint": "userinfo",
                "end_session_endpoint": "logout",
            }  # fmt: skip
            by_form = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
            return jsonify(
                issuer=self.issuer, code_challenge_methods_supported=["S256"],
                **(by_form if self.secret_in_form else {}),
                **{name: f"{self.issuer}/{place}" for name, place in places.items()},
            )  # fmt: skip

        @app.get("/keys")
        def _keys() -> Response:
            return jsonify(KeySet(list(self.published)).as_dict(private=False))

        @app.get("/authorize")
        def _authorize() -> Any:
            asked = request.args
            assert asked["response_type"] == "code" and "openid" in asked["scope"].split()
            assert asked["client_id"] == CLIENT_ID
            assert asked["redirect_uri"] in self.redirect_uris, asked["redirect_uri"]
            assert asked["code_challenge_method"] == "S256" and asked["state"] and asked["nonce"]
            links = "".join(
                f'<a href="/choose?{urlencode({**asked, "who": who})}">{who}</a> '
                for who in self.people
            )
            return f"<h1>Who are you?</h1>{links}"

        @app.get("/choose")
        def _choose() -> Any:
            asked = request.args
            code = secrets.token_urlsafe(16)
            self._codes[code] = dict(asked)
            back = {"code": code, "state": asked["state"], "iss": self.issuer}
            return redirect(f"{asked['redirect_uri']}?{urlencode(back)}")

        @app.post("/token")
        def _token() -> Any:
            given, sent = request.authorization, request.form
            basic = None if given is None else (given.username, given.password)
            form = (sent.get("client_id"), sent.get("client_secret"))
            if (form if self.secret_in_form else basic) != self._credentials():
                return jsonify(error="invalid_client"), 401
            assert not self.secret_in_form or given is None
            asked = self._codes.pop(sent["code"], None)
            digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (
                asked is None
                or asked["code_challenge"] != challenge
                or asked["redirect_uri"] != sent["redirect_uri"]
            ):
                return jsonify(error="invalid_grant"), 400
            now, person = int(self.clock()), self.people[asked["who"]]
            claims = {
                "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300,
                "nonce": asked["nonce"], **person,
            }  # fmt: skip
            if not self.groups_in_token:
                claims.pop("groups", None)
            access = secrets.token_urlsafe(16)
            self._access[access] = asked["who"]
            token = self.make_token(dict(self.change_claims(claims)))
            return jsonify(access_token=access, token_type="Bearer", id_token=token)

        @app.get("/userinfo")
        def _user_info() -> Any:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            return jsonify(self.people[self._access[token]])

        @app.get("/logout")
        def _logout() -> Any:
            self.signed_out.append(dict(request.args))
            return redirect(request.args["post_logout_redirect_uri"])

        return app

    @staticmethod
    def _credentials() -> tuple[str, str]:
        return CLIENT_ID, CLIENT_SECRET


@contextmanager
def openid_provider(
    clock: Callable[[], float] = time.time, certificate: tuple[str, str] | None = None
) -> Iterator[OpenIdProvider]:
    """A provider that answers until the end of the block.

    Args:
        certificate: the files of a certificate for localhost and its key, to answer over TLS.
    """
    provider = OpenIdProvider(clock)
    server = make_server("127.0.0.1", 0, provider.app, threaded=True, ssl_context=certificate)
    with serve_in_thread(server) as address:
        provider.issuer = address if certificate is None else f"https://localhost:{server.port}"
        yield provider
