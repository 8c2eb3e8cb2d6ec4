"""`gateway check`: signing in through an identity provider."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.config.settings import LOOPBACK, Settings
from gateway.model import Role


def sign_in_errors(settings: Settings) -> Iterator[str]:
    oidc = settings.sign_in.oidc
    if oidc is None:
        return
    if not oidc.client_secret.get_secret_value().strip():
        yield ("sign_in.oidc.client_secret: empty — expected it in GATEWAY_SIGN_IN__OIDC__CLIENT_SECRET, or "
               "client_secret_file: FILE")
    public = urlsplit(settings.web.public_url)
    if public.scheme != "https" and public.hostname not in LOOPBACK:
        yield (f"web.public_url: {settings.web.public_url!r} — expected https://, because the identity provider sends "
               "people back there with a code that lets them in")


def sign_in_warnings(settings: Settings) -> Iterator[str]:
    oidc = settings.sign_in.oidc
    if oidc is None:
        return
    if not oidc.roles:
        yield ("sign_in.oidc.roles: none, so nobody gets an account by signing in, and roles do not follow groups — "
               "expected groups with their roles, e.g. {service-desk: agent}")
    elif Role.OPERATOR not in oidc.roles.values():
        yield ("sign_in.oidc.roles: no group is for operators, so their accounts are made here, with `gateway user "
               "add` — expected one, unless you want that")


def provider_found(settings: Settings) -> tuple[bool, str] | None:
    """Whether the provider answers as it should, and what to say of it; None: there is none."""
    from gateway.web.console.identity_provider import discover, redirect_uri  # it brings the web with it
    from gateway.web.console.identity_provider_says import ProviderAway

    oidc = settings.sign_in.oidc
    if oidc is None:
        return None
    try:
        discover(oidc.issuer)
    except ProviderAway as away:
        return False, f"identity provider {oidc.issuer}: {away}"
    return True, (f"identity provider {oidc.issuer}: answers; it has to know the address "
                  f"{redirect_uri(settings.web.public_url)}")
