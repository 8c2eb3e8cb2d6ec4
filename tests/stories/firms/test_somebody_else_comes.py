"""An accepted visit goes to somebody else of the same firm: all who have to know hear it, and nothing else changes."""

import httpx
import pytest

from gateway.flow.deliver import deliver
from gateway.model import Contact, Notification, RecipientKind, Technician, Ticket, Visit
from gateway.model.plan import Refused
from gateway.tickets.actions import Arrive, Depart, ReassignVisit
from tests.drivers.web_driver import WebStory, read
from tests.fixtures.servers import SmtpServer
from tests.stories.firms.own_page import OwnPage, tap
from tests.stories.firms.test_invites import invite, mails_to

KUNZ = "provider Kunz Heating"


@pytest.fixture
def nora(there: WebStory, kunz: OwnPage) -> Technician:
    kunz.post("add", name="Nora Neu")
    return there.one(Technician, Technician.name == "Nora Neu")


def planned(there: WebStory, kunz: OwnPage) -> tuple[Ticket, Visit]:
    ticket = there.break_down()
    return ticket, kunz.accepts()


def with_mail(there: WebStory, technician_id: str) -> None:
    with there.gw.store.write() as session:
        session.add(Contact(id=f"mail-{technician_id}", owner_kind=RecipientKind.TECHNICIAN, owner_id=technician_id,
                            channel="email", address=f"{technician_id}@kunz.example"))


def said_to(there: WebStory, address: str) -> str:
    """All that was sent there."""
    return "\n".join(one.text for one in there.messages if one.to == address)


def news(there: WebStory, topic: str, kind: RecipientKind) -> list[Notification]:
    return there.all(Notification, Notification.topic == topic, Notification.recipient_kind == kind)


def test_the_customer_hears_who_comes_instead_and_the_words_at_the_door_stay(there: WebStory, kunz: OwnPage,
                                                                            nora: Technician) -> None:
    ticket, visit = planned(there, kunz)
    deliver(there.gw, there.now)
    for _ in range(2):
        tap(there, kunz.web, visit, act="reassign", technician="Nora Neu")
    after = there.again(visit)
    assert (after.technician, after.doorstep, after.window_from) == ("Nora Neu", visit.doorstep, visit.window_from)
    assert after.moves == visit.moves + 1
    deliver(there.gw, there.now)
    assert len(news(there, "visit_changed", RecipientKind.CUSTOMER)) == 1
    assert "Nora Neu comes instead of Karin Kunz" in said_to(there, "alice@example.com")
    page = read(kunz.web.get(there.follow(ticket)))
    assert "Nora Neu" in page
    assert str(visit.doorstep) in page
    assert news(there, "job_taken", RecipientKind.PROVIDER) == []  # the firm has said so itself


def test_the_calendars_of_both_follow(there: WebStory, kunz: OwnPage, nora: Technician) -> None:
    _, visit = planned(there, kunz)
    karins, noras = kunz.calendar("karin"), kunz.calendar(nora.id)
    assert visit.id in kunz.web.get(karins).text
    there.act(ReassignVisit(visit.id, nora.name), KUNZ)
    assert visit.id not in kunz.web.get(karins).text
    shown = kunz.web.get(noras).text
    assert visit.id in shown
    assert "SEQUENCE:1" in shown


def test_by_mail_the_visit_leaves_one_calendar_and_comes_to_the_other(there: WebStory, kunz: OwnPage, nora: Technician,
                                                                     post: SmtpServer) -> None:
    with_mail(there, "karin")
    with_mail(there, nora.id)
    _, visit = planned(there, kunz)
    there.act(ReassignVisit(visit.id, nora.name), KUNZ)
    deliver(there.gw, there.now)
    method, gone = invite(mails_to(post, "karin@kunz.example")[-1])
    assert (method, gone["STATUS"], gone["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
    method, event = invite(mails_to(post, f"{nora.id}@kunz.example")[-1])
    assert (method, event["STATUS"], event["SEQUENCE"], event["UID"]) == ("REQUEST", "CONFIRMED", 1, gone["UID"])


def test_a_dispatcher_does_it_on_the_telephone_and_the_firm_gets_it_in_writing(there: WebStory, kunz: OwnPage,
                                                                              nora: Technician) -> None:
    _, visit = planned(there, kunz)
    there.act(ReassignVisit(visit.id, nora.name))
    deliver(there.gw, there.now)
    assert "This visit is now with Nora Neu" in said_to(there, "office@kunz.example")


def test_whoever_has_set_out_takes_that_back_first(there: WebStory, kunz: OwnPage, nora: Technician) -> None:
    _, visit = planned(there, kunz)
    there.act(Depart(visit.id, 20), KUNZ)
    with pytest.raises(Refused, match="already_departed"):
        there.act(ReassignVisit(visit.id, nora.name), KUNZ)
    there.act(Arrive(visit.id), KUNZ)
    with pytest.raises(Refused, match="already_arrived"):
        there.act(ReassignVisit(visit.id, nora.name), KUNZ)
    assert there.again(visit).technician == "Karin Kunz"


def test_a_page_from_before_that_says_so(there: WebStory, web: httpx.Client, kunz: OwnPage, nora: Technician) -> None:
    _, visit = planned(there, kunz)
    page = there.link("visit", visit)
    shown = web.get(page).text
    keys = {name: shown.split(f'name="{name}" value="')[1].split('"')[0] for name in ("key", "version")}
    there.act(ReassignVisit(visit.id, nora.name))
    assert "changed in the meantime" in read(web.post(page, data={**keys, "act": "depart", "minutes": "20"}), 409)
    assert there.again(visit).technician == "Nora Neu"

