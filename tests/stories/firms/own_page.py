"""A firm's own page, opened by the link that somebody made for it."""

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlsplit

import httpx

from gateway.flow.firms.own_links import make_page_link
from gateway.model import HOUR, Actor, ActorKind, Offer, OfferState, Visit
from tests.drivers.web_driver import WebStory, accept, read


@dataclass
class OwnPage:
    there: WebStory
    web: httpx.Client
    firm: str
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Somebody makes a new link."""
        with self.there.gw.store.write() as session:
            self.path = urlsplit(make_page_link(self.there.gw.settings, session, self.firm,
                                                Actor(ActorKind.OPERATOR), self.there.now)).path

    def get(self) -> httpx.Response:
        return self.web.get(self.path)

    @property
    def text(self) -> str:
        """What a person reads there."""
        return read(self.get())

    def post(self, act: str, **form: str) -> httpx.Response:
        """A form, sent as a browser does; the answer is the page that it leads to."""
        return self.web.post(self.path, data={"act": act, **form}, follow_redirects=True)

    def accepts(self, window: int = 4) -> Visit:
        """It accepts what it is asked now, and comes within so many hours."""
        offer = self.there.one(Offer, Offer.provider_id == self.firm, Offer.state == OfferState.PENDING)
        link = self.there.link("offer", offer)
        assert accept(self.there, self.web, link, window=f"{self.there.now}-{self.there.now + window * HOUR}"
                      ).status_code == 303
        return self.there.one(Visit, Visit.offer_id == offer.id)

    def calendar(self, who: str = "") -> str:
        """The path of the calendar of the firm, or of one technician, made now."""
        page = self.post("calendar", who=who)
        addresses = [unescape(one) for one in re.findall(r'readonly value="([^"]+)"', page.text)]
        return urlsplit(addresses[-1 if who else 0]).path


def tap(there: WebStory, web: httpx.Client, visit: Visit, **form: str) -> None:
    """On the technician's page, as it is now."""
    page = there.link("visit", visit)
    shown = web.get(page).text
    keys = {name: shown.split(f'name="{name}" value="')[1].split('"')[0] for name in ("key", "version")}
    assert web.post(page, data={**keys, **form}).status_code == 303
