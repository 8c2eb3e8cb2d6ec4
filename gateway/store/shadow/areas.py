"""Finds the areas of the homes that a message tells of."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import select as columns_of
from sqlmodel import Session, col

from gateway.model import Notification, RecipientKind, Site
from gateway.notifications.context import NotificationContext
from gateway.store.contexts.areas import areas_of


def areas_of_messages(session: Session, notifications: Sequence[Notification],
                      contexts: Mapping[str, NotificationContext]) -> dict[str, frozenset[str] | None]:
    """Message → the areas of the homes that it tells of, and all above them; None: it tells of no home. What a customer
    is told of none in particular is about all of theirs."""
    sites = {row.id: {site.id for site in contexts[row.id].homes or ()} | _place(contexts[row.id])
             for row in notifications}
    homeless = {row.recipient_id for row in notifications
                if not sites[row.id] and row.recipient_kind is RecipientKind.CUSTOMER}
    theirs: defaultdict[str, set[str]] = defaultdict(set)
    if homeless:
        for site_id, customer_id in session.connection().execute(
                columns_of(col(Site.id), col(Site.customer_id)).where(col(Site.customer_id).in_(homeless))):
            theirs[customer_id].add(site_id)
    for row in notifications:
        if row.recipient_kind is RecipientKind.CUSTOMER:
            sites[row.id] = sites[row.id] or theirs[row.recipient_id]
    areas = areas_of(session, {site for some in sites.values() for site in some})
    return {row.id: frozenset().union(*(areas.get(site, frozenset()) for site in sites[row.id]))
            if sites[row.id] or row.recipient_kind is RecipientKind.CUSTOMER else None for row in notifications}


def _place(context: NotificationContext) -> set[str]:
    return {context.site.id} if context.site is not None else set()
