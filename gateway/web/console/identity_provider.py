"""Speaks OpenID Connect with the identity provider: where somebody is sent, and who comes back."""

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.config.settings import LOOPBACK, Oidc
from gateway.flow.accounts.outside import Identity
from gateway.web.console.identity_provider_says import Leaving, NotAskedAgain, ProviderAway, ProviderRefuses

_WAITS = 5  # seconds for each answer of the provider
_KEPT = 600.0  # seconds: its addresses and keys
_LEEWAY = 60  # seconds by which its clock may differ from ours
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def redirect_uri(public_url: str) -> str:
    """Where they come back: the provider has to know it."""
    return f"{public_url}/console/sign-in/oidc/back"


class IdentityProvider:
    """One provider, with its addresses and keys kept for some minutes. It is asked in threads."""

    def __init__(self, settings: Oidc, public_url: str) -> None:
        self.settings, self._redirect_uri = settings, redirect_uri(public_url)
        self._found: tuple[float, dict[str, Any], KeySet] | None = None

    def leave(self, anew: bool = False) -> Leaving:
        """`anew`: they sign in there although they are signed in already. Raises ProviderAway."""
        document, _ = self._discovered()
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        with self._client(document) as client:
            address, state = client.create_authorization_url(document["authorization_endpoint"], nonce=nonce,
                                                             code_verifier=verifier, state=secrets.token_urlsafe(32),
                                                             **({"prompt": "login", "max_age": 0} if anew else {}))
        return Leaving(address, state, nonce, verifier)

    def come_back(self, code: str, nonce: str, verifier: str, seconds: float | None = None) -> Identity:
        """Who it is. `seconds`: they had to sign in there within that time. Raises ProviderAway, ProviderRefuses and
        NotAskedAgain."""
        document, keys = self._discovered()
        with self._client(document) as client:
            try:
                token = client.fetch_token(document["token_endpoint"], code=code, code_verifier=verifier)
            except AuthlibBaseError as error:
                raise ProviderRefuses(error.error or "refused") from error
            except (OSError, ValueError) as error:
                raise ProviderAway(f"{document['token_endpoint']}: {type(error).__name__}") from error
            claims = self._claims(token.get("id_token"), keys, nonce)
            if seconds is not None:
                _check_asked_again(claims.get("auth_time"), time.time() - seconds)
            return _identity(claims | self._more(client, document, claims["sub"]), self.settings)

    def _client(self, document: dict[str, Any]) -> OAuth2Session:
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return OAuth2Session(
            self.settings.client_id, self.settings.client_secret.get_secret_value(),
            scope=" ".join(self.settings.scopes), redirect_uri=self._redirect_uri,
            code_challenge_method="S256", default_timeout=_WAITS,
            token_endpoint_auth_method="client_secret_basic" if "client_secret_basic" in methods
            else "client_secret_post")

    def _discovered(self) -> tuple[dict[str, Any], KeySet]:
        if self._found is None or time.monotonic() > self._found[0]:
            document = discover(self.settings.issuer)
            keys: Any = _fetch(document["jwks_uri"])
            try:
                self._found = time.monotonic() + _KEPT, document, KeySet.import_key_set(keys)
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise ProviderAway(f"{document['jwks_uri']}: no keys ({error})") from error
        return self._found[1:]

    def _claims(self, token: Any, keys: KeySet, nonce: str) -> dict[str, Any]:
        """Of the token, once its signature, issuer, recipient, time and nonce are right."""
        ours = self.settings.client_id
        registry = jwt.JWTClaimsRegistry(
            now=int(time.time()), leeway=_LEEWAY, iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": ours}, sub={"essential": True}, exp={"essential": True},
            iat={"essential": True}, nonce={"essential": True, "value": nonce})
        try:
            found = jwt.decode(str(token or ""), keys, algorithms=_ALGORITHMS)
            registry.validate(found.claims)
        except (JoseError, ValueError) as error:
            self._found = None  # it may have new keys
            raise ProviderAway(f"its token is not right ({type(error).__name__}: {error})") from error
        if found.claims.get("azp", ours) != ours:
            raise ProviderAway("its token is for somebody else (azp)")
        return dict(found.claims)

    def _more(self, client: OAuth2Session, document: dict[str, Any], subject: str) -> dict[str, Any]:
        """What many providers only say when they are asked once more: address, name and groups."""
        if "userinfo_endpoint" not in document:
            return {}
        try:
            answer = client.get(document["userinfo_endpoint"])
            answer.raise_for_status()
            said = answer.json()
        except (OSError, ValueError, AuthlibBaseError) as error:
            raise ProviderAway(f"{document['userinfo_endpoint']}: {type(error).__name__}") from error
        if not isinstance(said, dict) or said.get("sub") != subject:
            raise ProviderAway(f"{document['userinfo_endpoint']}: speaks of somebody else")
        return said


def _check_asked_again(auth_time: Any, since: float) -> None:
    """`auth_time`: when they gave the provider their password, as its signed token says."""
    if isinstance(auth_time, bool) or not isinstance(auth_time, int | float) or auth_time < since - _LEEWAY:
        raise NotAskedAgain(f"auth_time is {auth_time!r}")


def discover(issuer: str) -> dict[str, Any]:
    """Its discovery document. Raises ProviderAway."""
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    document = _fetch(address)
    if document.get("issuer") != issuer:
        raise ProviderAway(f"{address}: names the issuer {document.get('issuer')!r} — expected {issuer!r}, to the "
                           "letter")
    for name in (*_ENDPOINTS, *(["userinfo_endpoint"] if "userinfo_endpoint" in document else [])):
        where = urlsplit(str(document.get(name, "")))
        if where.scheme != "https" and not (where.scheme == "http" and where.hostname in LOOPBACK):
            raise ProviderAway(f"{address}: {name} is {document.get(name)!r} — expected an address with https://")
    return document


def _fetch(address: str) -> dict[str, Any]:
    with OAuth2Session(default_timeout=_WAITS) as client:
        try:
            answer = client.get(address, withhold_token=True)
            answer.raise_for_status()
            found = answer.json()
        except (OSError, ValueError) as error:
            raise ProviderAway(f"{address}: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise ProviderAway(f"{address}: expected a JSON object")
    return found


def _identity(claims: dict[str, Any], settings: Oidc) -> Identity:
    groups = claims.get(settings.groups_claim)
    if isinstance(groups, str):
        groups = [groups]
    named = None if groups is None else tuple(one for one in groups if isinstance(one, str))
    return Identity(settings.issuer, claims["sub"], str(claims.get("name") or "")[:80], str(claims.get("email") or ""),
                    claims.get("email_verified") in (True, "true"), named)
