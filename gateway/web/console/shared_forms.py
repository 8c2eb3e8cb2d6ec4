"""Forms on a page that is rendered once for all who see the same: what is each one's own is put in as it is sent."""

import hashlib
import secrets
from collections.abc import Iterable

_TOKEN, _KEY = 'name="csrf" value=""', 'name="key" value=""'  # as templates write them; a person's quotes are escaped


def fill_in(html: str, csrf: str) -> str:
    """For one user: the proof that the forms are ours, and a key of this page."""
    return html.replace(_TOKEN, f'name="csrf" value="{csrf}"').replace(_KEY, f'name="key" value="{new_key()}"')


def with_key(part: bytes) -> bytes:
    """An event of a live page, with a key of its own; the token is put in where it is read."""
    return part.replace(_KEY.encode(), f'name="key" value="{new_key()}"'.encode())


def new_key() -> str:
    return secrets.token_hex(8)


def form_key(page_key: str, fields: Iterable[tuple[str, str]]) -> str:
    """The same for what is sent twice from one page, another for everything else; "" without a page's key."""
    if not page_key:
        return ""
    said = "\n".join(f"{name}={value}" for name, value in sorted(fields))
    return hashlib.sha256(f"{page_key}\n{said}".encode()).hexdigest()
