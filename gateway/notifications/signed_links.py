"""Signs and verifies the links in messages: one subject, one purpose, revoked with its Link row."""

from functools import lru_cache

from itsdangerous import BadSignature, Signer

from gateway.model import LinkPurpose

_PATHS = {LinkPurpose.OFFER: "o", LinkPurpose.VISIT: "v", LinkPurpose.FOLLOW: "f", LinkPurpose.DISPATCH: "d",
          LinkPurpose.SURVEY: "s", LinkPurpose.FIRM: "p", LinkPurpose.CALENDAR: "p", LinkPurpose.HOUSEHOLD: "h",
          LinkPurpose.PREFERENCES: "m", LinkPurpose.WELCOME: "welcome", LinkPurpose.SIGN_IN: "e"}


@lru_cache(maxsize=64)
def _signer(secret: str, purpose: LinkPurpose) -> Signer:
    # One secret a line, the newest first: it signs, the older ones still open what they signed (key rotation).
    # 20 bytes of HMAC are 27 characters of which the last is never "-" or "_", which phones leave out of a link.
    # The keys are derived here, once, and not for each link.
    salt, secrets = f"link/{purpose}", secret.strip().splitlines()[::-1] or [""]
    keys = [Signer(one, salt=salt, key_derivation="hmac").derive_key() for one in secrets]
    return Signer(keys, salt=salt, key_derivation="none")


def sign(secret: str, purpose: LinkPurpose, link_id: str) -> str:
    """The token of the Link row `link_id`: its id, a dot, and 27 characters of signature."""
    return _signer(secret, purpose).sign(link_id).decode()


def read(secret: str, purpose: LinkPurpose, token: str) -> str | None:
    """The Link id a token carries, or None when it was not signed by us for this purpose."""
    try:
        return _signer(secret, purpose).unsign(token.encode()).decode()
    except (BadSignature, UnicodeError):
        return None


def url(public_url: str, secret: str, purpose: LinkPurpose, link_id: str) -> str:
    """The whole link for a message, e.g. `https://service.example/f/L-4F7QK2M9.…`."""
    return f"{public_url.rstrip('/')}/{_PATHS[purpose]}/{sign(secret, purpose, link_id)}"
