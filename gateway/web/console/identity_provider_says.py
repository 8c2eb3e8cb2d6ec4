"""What an identity provider may answer, for the pages: without the libraries that speak with it."""

from typing import NamedTuple


class ProviderAway(Exception):
    """It does not answer, or not as OpenID Connect says; the text is for whoever runs the gateway."""


class ProviderRefuses(Exception):
    """It answers that it will not: its own name for why, e.g. access_denied."""


class NotAskedAgain(Exception):
    """It let them pass, or does not say when they last gave it their password."""


class Leaving(NamedTuple):
    """Somebody is sent to the provider."""

    address: str
    state: str  # comes back with them
    nonce: str  # comes back in the token
    verifier: str  # proves that who redeems the code is who asked for it
