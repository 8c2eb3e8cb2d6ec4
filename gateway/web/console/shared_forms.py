"""Forms on a page that is rendered once for all who see the same: what is each one's own is filled in as it is sent."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Iterable

from gateway.web.console.session import User

TOKEN_PLACE = secrets.token_hex(16)  # stands for the proof that a form is ours: nobody can write it into a note
KEY_PLACE = secrets.token_hex(16)  # stands for the page's random key: see `form_key`


def fill_in(html: str, user: User) -> str:
    return html.replace(TOKEN_PLACE, user.csrf).replace(KEY_PLACE, secrets.token_hex(8))


async def filled_in(events: AsyncIterator[bytes], user: User) -> AsyncIterator[bytes]:
    """The events of a live page as this user gets them."""
    async for event in events:
        yield event.replace(TOKEN_PLACE.encode(), user.csrf.encode()).replace(
            KEY_PLACE.encode(), secrets.token_hex(8).encode()) if TOKEN_PLACE.encode() in event else event


def form_key(page_key: str, fields: Iterable[tuple[str, str]]) -> str:
    """The same for what is sent twice from one page, another for everything else; "" without a page's key."""
    if not page_key:
        return ""
    said = "\n".join(f"{name}={value}" for name, value in sorted(fields))
    return hashlib.sha256(f"{page_key}\n{said}".encode()).hexdigest()
