"""An OpenID provider, spoken to by requests and Authlib: where it is, which keys it signs with, and
what it says about the person who comes back from it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from dashboard.base.clock import Clock
from db.setting_types import WrongValue, vendor_address
from db.settings import Settings

TIMEOUT = (5, 10)
"""Seconds to connect, and to wait for more of an answer."""
_KNOWN_FOR, _DOWN_FOR = 3600.0, 10.0
_LEEWAY_SECONDS = 60
_ALGORITHMS = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip
"""Never "none", and none whose key is a secret that both sides know."""


class ProviderDown(Exception):
    """The provider does not answer, or not as the standard says; the text is for the log."""


class NotProven(Exception):
    """What came back proves nobody's identity; the text says what is wrong with it."""


@dataclass(frozen=True)
class Proven:
    """A person as the provider knows them. `issuer` and `subject` together never change."""

    issuer: str
    subject: str
    name: str
    groups: frozenset[str]
    id_token: str


class OpenIdProvider:
    """The provider at OIDC_ISSUER."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        assert settings.oidc_issuer and settings.oidc_client_id, "check_auth asked for them"
        self._issuer, self._client_id = settings.oidc_issuer, settings.oidc_client_id
        self._secret, self._scopes = settings.oidc_client_secret, settings.oidc_scopes
        self._groups_claim, self._clock = settings.oidc_groups_claim, clock
        self._name_claim = settings.oidc_name_claim
        self._verify = str(settings.oidc_ca_file) if settings.oidc_ca_file else True
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._known_until = self._down_until = 0.0

    def authorization_address(
        self, redirect_uri: str, state: str, nonce: str, verifier: str
    ) -> str:
        """Where the browser goes to prove who the person is.

        Raises:
            ProviderDown: the provider cannot be asked for it.
        """
        with self._session(redirect_uri) as session:
            address, _state = session.create_authorization_url(
                self._endpoint("authorization_endpoint"), state=state, code_verifier=verifier,
                nonce=nonce,
            )  # fmt: skip
        return str(address)

    def logout_address(self, id_token: str, back_to: str) -> str | None:
        """Where the browser goes to sign out at the provider too; None if it has no such place or
        does not answer."""
        try:
            endpoint = self._read_metadata().get("end_session_endpoint")
            if not endpoint:
                return None
            query = {"client_id": self._client_id, "post_logout_redirect_uri": back_to}
            query["id_token_hint"] = id_token
            request = requests.Request("GET", self._checked(str(endpoint)), params=query)
            return str(request.prepare().url)
        except ProviderDown:
            return None

    def person(
        self, code: str, redirect_uri: str, nonce: str, verifier: str, issuer: str | None
    ) -> Proven:
        """Who came back with that code.

        Args:
            issuer: the parameter `iss` of the address with which the browser came back.

        Raises:
            ProviderDown: the provider does not answer.
            NotProven: it does not accept the code, or its token is not valid.
        """
        metadata = self._read_metadata()
        if issuer is not None and issuer != metadata["issuer"]:
            raise NotProven("the answer is of another issuer")
        with self._session(redirect_uri) as session:
            try:
                token = session.fetch_token(
                    self._endpoint("token_endpoint"), code=code, code_verifier=verifier,
                    grant_type="authorization_code", timeout=TIMEOUT, allow_redirects=False,
                )  # fmt: skip
            except requests.RequestException as error:
                raise ProviderDown(f"token endpoint: {error}") from error
            except (AuthlibBaseError, ValueError) as error:
                raise NotProven(f"the code was not accepted ({type(error).__name__})") from error
            id_token = token.get("id_token")
            if not isinstance(id_token, str):
                raise NotProven("there is no ID token")
            claims = self._verified(id_token, nonce)
            if self._groups_claim not in claims and metadata.get("userinfo_endpoint"):
                claims = {**self._user_info(session, str(claims["sub"])), **claims}
        return self._proven(claims, id_token)

    def _proven(self, claims: Mapping[str, Any], id_token: str) -> Proven:
        name = claims.get(self._name_claim)
        if not isinstance(name, str) or not name.strip():
            raise NotProven(f"there is no claim {self._name_claim} (OIDC_NAME_CLAIM)")
        if self._name_claim == "email" and claims.get("email_verified") is not True:
            raise NotProven("the address of mail is not verified")
        groups = claims.get(self._groups_claim) or ()
        listed = [groups] if isinstance(groups, str) else groups
        names = [each for each in listed if isinstance(each, str)]
        return Proven(claims["iss"], claims["sub"], name, frozenset(names), id_token)

    def _verified(self, id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of a token that is for us, from this provider, of this sign-in, and valid."""
        try:
            token = self._decoded(id_token)
            registry = jwt.JWTClaimsRegistry(
                now=int(self._clock().timestamp()), leeway=_LEEWAY_SECONDS,
                iss={"essential": True, "value": self._metadata["issuer"]},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True}, iat={"essential": True}, sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            )  # fmt: skip
            registry.validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotProven(f"the ID token is not valid ({error})") from error
        claims = dict(token.claims)
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if claims.get("azp", self._client_id) != self._client_id or (
            several and "azp" not in claims
        ):
            raise NotProven("the ID token is for another program")
        return claims

    def _decoded(self, id_token: str) -> jwt.Token:
        try:
            return jwt.decode(id_token, self._read_keys(), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            # The provider may have new keys.
            return jwt.decode(id_token, self._read_keys(anew=True), algorithms=_ALGORITHMS)

    def _user_info(self, session: OAuth2Session, subject: str) -> dict[str, Any]:
        try:
            answer = session.get(
                self._endpoint("userinfo_endpoint"), timeout=TIMEOUT, allow_redirects=False
            )
            answer.raise_for_status()
            claims = answer.json()
        except (requests.RequestException, AuthlibBaseError, ValueError) as error:
            raise ProviderDown(f"userinfo endpoint: {error}") from error
        if not isinstance(claims, dict) or claims.get("sub") != subject:
            raise NotProven("the user info is of somebody else")
        return claims

    def _read_keys(self, *, anew: bool = False) -> KeySet:
        if self._keys is None or anew:
            fetched: Any = self._fetch(self._endpoint("jwks_uri"))
            try:
                self._keys = KeySet.import_key_set(fetched)
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise ProviderDown(f"its keys cannot be read: {error}") from error
        return self._keys

    def _endpoint(self, name: str) -> str:
        address = self._read_metadata().get(name)
        if not isinstance(address, str):
            raise ProviderDown(f"its configuration names no {name}")
        return self._checked(address)

    @staticmethod
    def _checked(address: str) -> str:
        try:
            vendor_address(address)
        except WrongValue as error:
            raise ProviderDown(f"{address}: {error.fix}") from error
        return address

    def _read_metadata(self) -> dict[str, Any]:
        """What the provider says of itself; asked once an hour, and while it is down not by every
        request."""
        with self._lock:
            now = time.monotonic()
            if now < self._known_until:
                return self._metadata
            if now < self._down_until:
                raise ProviderDown("it did not answer a moment ago")
            try:
                found = self._fetch(f"{self._issuer}/.well-known/openid-configuration")
                if str(found.get("issuer", "")).rstrip("/") != self._issuer:
                    raise ProviderDown("its configuration is of another issuer (OIDC_ISSUER)")
            except ProviderDown:
                self._down_until = now + _DOWN_FOR
                raise
            self._metadata, self._known_until = found, now + _KNOWN_FOR
            return found

    def _fetch(self, address: str) -> dict[str, Any]:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(
                    address, timeout=TIMEOUT, allow_redirects=False, verify=self._verify
                )
            answer.raise_for_status()
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ProviderDown(f"{address}: {error}") from error
        if answer.status_code != 200 or not isinstance(found, dict):
            raise ProviderDown(f"{address} answers {answer.status_code}")
        return found

    def _session(self, redirect_uri: str) -> OAuth2Session:
        methods = self._read_metadata().get("token_endpoint_auth_methods_supported") or ()
        by_post = "client_secret_post" in methods and "client_secret_basic" not in methods
        session = OAuth2Session(
            self._client_id, self._secret, scope=" ".join(self._scopes), redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post" if by_post else "client_secret_basic",
        )  # fmt: skip
        session.trust_env, session.verify = False, self._verify
        return session
