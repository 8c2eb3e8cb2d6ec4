"""Every page of the console, for every role, wide and on a tablet, dark and light: nobody is shut out."""

from collections.abc import Iterator

import pyotp
import pytest

from gateway.access.rights import OF_USERS, RIGHTS, Right
from gateway.access.sessions import STEP_UP
from gateway.flow.accounts import users
from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    BulkResult,
    Callback,
    HoldReason,
    Offer,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
    Role,
    Severity,
    Ticket,
    User,
    Visit,
)
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent
from gateway.tickets.actions import HoldTicket, MergeTickets, OpenCallback, OpenTicket
from gateway.web import build_app
from tests.drivers.browser import Browser
from tests.drivers.fault_finder import faults, tell, unfold, watch_policy
from tests.drivers.seat import Seat
from tests.drivers.web_driver import PASSWORD, WebStory
from tests.stories.console.test_sign_in import set_up_second_factor
from tests.unit.web.test_rights import routes

pytestmark = pytest.mark.slow
SIZES = ((1280, 720), (820, 1180))
NO_PAGES = ("/stream", "/export", "/drafts", "/oidc/back", "/photos/{photo_id}",
            "/{technician_id}/photo")  # they answer with something else
# besides the bare page: with what is asked for in the address
ASKED = {
    "/console/tickets": ("?state=all&sort=age", "?text=nobody+is+called+so"),
    "/console/tickets/{ticket_id}": ("?show=messages",),
    "/console/callbacks/new": ("?site=alice-home", "?q=Lindenweg"),
    "/console/call": ("?site=alice-home", "?q=Lindenweg", "?q=nobody+is+called+so"),
    "/console/customers": ("?q=Keller",),
    "/console/customers/{customer_id}": ("?reach=true",),
    "/console/search": ("?q=Lindenweg", "?q=nobody+is+called+so"),
    "/console/audit": ("?outcome=denied", "?since=2020-01-01&until=2020-01-01"),
    "/console/account": ("?setting_up=true",),
}


def live_through_a_day(there: WebStory) -> dict[str, list[str]]:
    """Something of everything; what stands for each part of an address in braces."""
    def send(address: str, *_: object) -> Outcome:
        return NotSent(True, "no such mailbox") if "bob" in address else Sent("ok")

    there.gw.channels.update(email=Channel("email", "long", send), sms=Channel("sms", "short", send))
    there.measure()
    there.says("alice-pump", flow_temp=80.0)
    broken = there.ticket
    there.act(OpenTicket("alice-home", "No hot water since this morning", "heating", Severity.MINOR))
    reported = there.one(Ticket, Ticket.cause_key == "reported")
    there.act(MergeTickets(reported.id, broken.id), "agent Dana")
    there.act(OpenTicket("alice-home", "A fuse jumps out", "electrical", Severity.MINOR))
    beside = there.one(Ticket, Ticket.skill == "electrical")
    there.accept()
    held, lost = there.break_down("bob-pump"), there.break_down("charlie-pump")
    there.act(HoldTicket(held.id, HoldReason.PART, there.now + 30 * HOUR, "a valve"))
    there.call_for_help(kind="long")
    there.act(OpenCallback("bob-home", "Asks about the price"))
    there.wait(minutes=2)
    there.add(Outage(id="X-00000001", key="feeder-7", area_id="feeder-7", name="Feeder 7", kind=OutageKind.FEEDER,
                     state=OutageState.CONFIRMED, site_id="alice-home", homes=2, dark=2, size=2, began_at=there.now,
                     last_at=there.now, suspected_at=there.now, confirmed_at=there.now),
              *(OutageMember(id=f"X-00000001/{name}-home", outage_id="X-00000001", site_id=f"{name}-home",
                             customer_id=name, died_at=there.now, joined_at=there.now) for name in ("alice", "bob")))
    visits = there.all(Visit)
    return {
        "ticket_id": [broken.id, reported.id, beside.id, held.id, lost.id], "customer_id": ["alice", "bob"],
        "callback_id": [one.id for one in there.all(Callback)], "site_id": ["alice-home"],
        "device_id": ["alice-pump"], "firm_id": ["kunz"],
        "why_id": ["alice", "kunz", there.notifications("fault_found")[0].id, broken.id],
        "part": ["not-told"], "outage_id": ["X-00000001"], "visit_id": [visits[0].id],
        "offer_id": [one.id for one in there.all(Offer, Offer.provider_id == visits[0].provider_id)][:2]}


def pages(there: WebStory, ids: dict[str, list[str]]) -> Iterator[tuple[str, frozenset[Right]]]:
    """(path with its query, the rights that it needs) of each page of the console."""
    app = build_app(there.gw, there.clock, lambda: there.health)
    for method, path, rights in routes(app):
        if method != "GET" or not path.startswith("/console") or path.endswith(NO_PAGES):
            continue
        filled = [path]
        for name, values in ids.items():
            filled = [one.replace(f"{{{name}}}", value) for one in filled
                      for value in (values if f"{{{name}}}" in one else [""])]
        assert "{" not in filled[0], f"live_through_a_day says nothing about {path}"
        if path == "/console/tickets/merge":
            filled = [f"{path}?ticket={ids['ticket_id'][0]}&ticket={ids['ticket_id'][number]}" for number in (2, 3)]
        yield from ((one, rights) for one in filled)
        yield from ((filled[0] + query, rights) for query in ASKED.get(path, ()))


def look_through(seat: Seat, paths: list[str], allowed: bool = True) -> dict[str, list[str]]:
    """Path and size → what is wrong there."""
    found = {}
    for path in paths:
        for width, height in SIZES:
            seat.look_at(width, height)
            seat.tab.said.clear()
            seat.open(path)
            if not allowed:
                seat.tab.said.clear()  # the browser says that it got 403
            if seat.tab.run("document.getElementById('line') && !document.getElementById('line').hidden"):
                seat.live()
            wrong = faults(seat)
            seat.look_at(width, height, dark=True)
            wrong += [f"dark {one}" for one in faults(seat, colours_only=True)]
            seat.look_at(width, height)
            if width > height and unfold(seat):
                wrong += [f"unfolded {one}" for one in faults(seat)]
            found[f"{path} at {width}"] = list(dict.fromkeys(wrong))
    return {where: wrong for where, wrong in found.items() if wrong}


@pytest.mark.parametrize("role", OF_USERS)
def test_every_page_that_a_role_may_see(there: WebStory, chrome: Browser, role: Role) -> None:
    ids = live_through_a_day(there)
    mine = there.console(role, "Dana Meier", "kunz" if role is Role.PROVIDER else None)
    ids["user_id"] = [there.one(User).id]
    if Right.WORK_TICKETS in RIGHTS[role]:
        there.add(BulkResult(id="a-result", user_id=ids["user_id"][0], act="note", back="", at=there.now, lines=[
            [ids["ticket_id"][0], "done", ""], [ids["ticket_id"][1], "skipped", "It has changed"],
            [ids["ticket_id"][2], "failed", "It is over"]]))
    ids["result_id"] = ["a-result"]
    every = list(pages(there, ids))
    allowed = {mine.get(path).url for path, rights in every if rights and rights <= RIGHTS[role]}  # where they end
    seat = Seat(there, chrome, mine)
    watch_policy(seat)
    wrong = look_through(seat, sorted(url.raw_path.decode() for url in allowed))
    refused = next(path for path, rights in every if not rights <= RIGHTS[role])
    wrong |= look_through(seat, [refused], allowed=False)
    assert wrong == {}, tell(wrong)


def test_the_pages_before_and_between(there: WebStory, chrome: Browser) -> None:
    """Signing in, with and without a second factor, a first password, proving who one is."""
    olga = there.console("operator", "Olga Brand")
    secret, _ = set_up_second_factor(olga, there)
    row = there.one(User)
    with there.gw.store.write() as session:
        come_in = users.sign_in_link(there.gw.settings, session, row.id, there.now)
    invited = olga.post("/console/users", name="Dana Meier", email="dana@example.com", role="agent").text
    welcome = invited.partition("/welcome/")[2].partition('"')[0]
    assert welcome
    seat = Seat(there, chrome)
    watch_policy(seat)
    wrong = look_through(seat, ["/console/sign-in?next=/console/tickets", f"/welcome/{welcome}",
                                come_in[come_in.index("/e/"):]])
    wrong |= look_through(seat, ["/console/tickets", "/welcome/nonsense"], allowed=False)
    there.wait(minutes=2)
    seat.open("/console/sign-in")
    seat.fill("Email", row.email, "body")
    seat.fill("Password", "not this one, surely", "body")
    seat.click("Sign in", "form")
    seat.sees("is not right")
    seat.tab.said.clear()
    wrong |= {"wrong password": faults(seat)}
    seat.fill("Email", row.email, "body")
    seat.fill("Password", PASSWORD, "body")
    seat.click("Sign in", "form")
    seat.tab.wait("!!document.querySelector('[name=code]')")
    seat.tab.said.clear()
    wrong |= {"code": faults(seat)}
    seat.fill("Code", pyotp.TOTP(secret).at(there.now // SECOND), "body")
    seat.click("", "form")
    seat.tab.wait("!!document.getElementById('screens')")
    there.now += STEP_UP + MINUTE
    seat.open("/console/users")
    seat.fill("Name", "Erik Vogt")
    seat.fill("Email", "erik@example.com")
    seat.click("Add them")
    seat.sees("Is it you, Olga Brand?")
    seat.tab.said.clear()
    wrong |= {"prove": faults(seat)}
    assert {where: one for where, one in wrong.items() if one} == {}, tell(wrong)
