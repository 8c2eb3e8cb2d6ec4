"""Puts onto a customer's page where whoever comes is, when they share it now."""

from dataclasses import replace

from gateway.config.settings import Web
from gateway.flow.visits.positions import Positions
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat
from gateway.store.views.pages import FollowedTicket
from gateway.web.pages.follow.where import is_on_the_way, where_they_are
from gateway.web.pages.ticket_view import FollowPage


def with_position(content: FollowPage, facts: FollowedTicket, positions: Positions, words: Catalogue, say: TimeFormat,
                  web: Web) -> FollowPage:
    if facts.visit is None or not is_on_the_way(facts):
        return content
    found = positions.of(facts.visit.id, say.now)
    if found is None:
        return content
    who = facts.visit.technician or (facts.provider.name if facts.provider else "") or words("page.somebody")
    return replace(content, where=where_they_are(facts.site, found, who, words, say, web))
