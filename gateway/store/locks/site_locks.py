"""One worker at a time decides what is done at a site: on PostgreSQL by a lock on its row, taken before its work is
read.

Without it two of them each lock what the other needs next, PostgreSQL ends one of them, and on a busy machine it is the
same one nine times in a row.
"""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from gateway.model import Site
from gateway.store.plain_rows import is_one_of, plain_rows

_SITES = select(Site).where(is_one_of(Site.id)).order_by(col(Site.id))
_WAIT, _SKIP = (_SITES.with_for_update(key_share=True, skip_locked=skip) for skip in (False, True))


def lock_sites(session: Session, site_ids: Iterable[str], *, skip_locked: bool = False) -> dict[str, Site]:
    """Site id → site. Waits until nobody else decides on one of them; with `skip_locked` those are left out instead.
    SQLite has one writer anyway."""
    wanted = set(site_ids)
    if not wanted:
        return {}
    rows = plain_rows(session, Site, _SKIP if skip_locked else _WAIT, {"ids": wanted})
    return {site.id: site for site in rows}
