"""One page of a customer: nobody has to tell their story again, and every message is there, sent or not, and why."""

import re

import pytest

from gateway.model import (
    DAY,
    MINUTE,
    SECOND,
    Attempt,
    Audit,
    Callback,
    Contact,
    Customer,
    Entry,
    EntryKind,
    Notification,
    Person,
    Promise,
    PromiseKind,
    PromiseState,
    RecipientKind,
    Site,
    SubjectKind,
    Ticket,
    from_iso,
)
from gateway.notifications.channels import NotSent
from gateway.notifications.topics import TopicName
from tests.drivers.web_driver import Console, WebStory, read

pytestmark = pytest.mark.slow
ALICE, BOB = "/console/customers/alice", "/console/customers/bob"
NIGHT = from_iso("2026-11-23T22:30:00Z")  # in the quiet hours of Alice


def mia(there: WebStory, browser: Console) -> Person:
    """Alice's daughter, who depends on power, added from the page."""
    browser.post(f"{ALICE}/people", name="Mia Keller", role="tenant", locale="de", needs="power_dependent",
                 consent="2026-11-01", review="2027-11-01", channel="phone", address="+41 44 668 18 01")
    return there.one(Person, Person.name == "Mia Keller")


def test_customers_are_listed_by_name_with_what_is_open_page_by_page(there: WebStory) -> None:
    there.break_down()
    there.wait(seconds=1)
    browser = there.console()
    said = read(browser.get("/console/customers"))
    assert re.search(r"Alice Keller alice Lindenweg 1, 8001 Wiesental 1 0 1 Bob Meier bob .* 0 0 0 Charlie", said)
    there.add(*(Customer(id=f"c{number:03}", name=f"Zoe {number:03}") for number in range(60)))
    first = browser.get("/console/customers?begins=Zoe")
    assert first.text.count("<tr id=") == 50
    assert "Alice" not in read(first)
    further = first.text.partition('class="pager"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert first.text.count("<tr id=") + browser.get(further).text.count("<tr id=") == 60
    assert browser.web.get("/console/customers?cursor=x").status_code == 422


def test_everything_about_them_is_on_one_page(there: WebStory) -> None:
    ticket = there.break_down()
    there.wait(seconds=1)
    there.accept()
    there.call_for_help()
    there.measure()
    there.wait(seconds=1)
    browser = there.console()
    mia(there, browser)
    said = read(browser.get(ALICE))
    for known in ("Alice Keller", "quiet 22:00–07:00", ticket.id, "Compressor fault", "Karin Kunz, Kunz Heating",
                  "Somebody there", "Our call", "Lindenweg 1, 8001 Wiesental", "Feeder 7, Lindenweg",
                  "the key is with the neighbour", "Heat pump", "measured", "heard", "Help button",
                  "Mia Keller", "Tenant · German", "agreed 2026-11-01, ask again 2027-11-01",
                  there.one(Callback).id, "What happened"):
        assert known in said, known
    assert "Bob" not in said


def test_how_they_are_reached_is_shown_when_asked_for_and_the_look_is_written_down(there: WebStory) -> None:
    browser = there.console()
    person = mia(there, browser)
    assert "44 668 18 01" not in read(browser.get(ALICE))
    assert not there.all(Entry, Entry.kind == EntryKind.NUMBER_SEEN)
    said = read(browser.get(f"{ALICE}?reach=true"))
    assert "79 123 45 67" in said
    assert "alice@example.com" in said
    looks = there.all(Entry, Entry.kind == EntryKind.NUMBER_SEEN)
    assert {(one.subject_kind, one.subject_id) for one in looks} == {
        (SubjectKind.CUSTOMER, "alice"), (SubjectKind.PERSON, person.id)}
    assert {one.action for one in there.all(Audit, Audit.object_id == person.id)} >= {"see_numbers"}
    browser.get(f"{ALICE}?reach=true")
    assert len(there.all(Entry, Entry.kind == EntryKind.NUMBER_SEEN)) == 2
    rita = there.console("auditor", "Rita Frei")
    hidden = rita.get(f"{ALICE}?reach=true")
    assert "79 123 45 67" not in hidden.text
    assert "neighbour" not in hidden.text
    assert "/page-link" not in hidden.text


def test_a_message_that_was_sent_is_shown_as_they_read_it_in_their_language_without_its_link(there: WebStory) -> None:
    there.break_down("bob-pump")
    there.wait(seconds=5)
    page = there.console().get(BOB)
    found = re.search(r'<blockquote class="said" lang="de">(.*?)</blockquote>', page.text, re.S)
    assert found is not None
    assert "Kompressorstörung" in found[1]
    assert "Guten Tag Bob Meier" in found[1]
    assert "/f/" not in found[1]
    assert "Sent Fault found to Bob Meier" in read(page)
    assert "handed over by email after" in read(page)
    message = next(one for one in there.messages if "bob" in one.to)
    kept = there.one(Attempt, Attempt.contact_id == there.one(Contact, Contact.address == "bob@example.com").id).said
    assert kept.replace("…", "") in re.sub(r"https?://\S+", "", f"{message.subject}\n\n{message.text}") or \
        "Kompressorstörung" in kept


def test_each_try_says_what_came_of_it_and_how_late(there: WebStory) -> None:
    mail = there.gw.channels["email"]
    there.gw.channels["email"] = mail._replace(
        send=lambda address, message, ref: NotSent(False, "no answer", kind="no answer"))
    there.break_down()
    there.wait(seconds=1)
    for _ in range(45):
        there.wait(minutes=1)
    said = read(there.console().get(ALICE))
    assert re.search(r"\d+ tries: handed over by text message after", said)
    assert "Failed Email, Alice Keller" in said
    assert "no answer" in said


def test_what_was_not_sent_says_why(there: WebStory) -> None:
    """Held by quiet hours, bundled into a later one, dropped, and a fault of which nobody was told."""
    there.now = NIGHT
    there.says("alice-pump", flow_temp=40.0, pressure=0.3)
    there.wait(minutes=11)
    there.says("alice-pump", flow_temp=40.0, pressure=0.3)
    there.wait(minutes=1)
    browser = there.console()
    held = there.one(Notification, Notification.recipient_id == "alice")
    assert held.state == "held"
    said = read(browser.get(ALICE))
    assert "Held: quiet hours Fault found" in said
    assert "until 07:00 tomorrow" in said
    there.says("alice-pump", flow_temp=40.0, pressure=1.6)
    there.wait(minutes=20)
    browser.sign_in("dana@example.com")
    said = read(browser.get(ALICE))
    assert "Not sent" in said
    assert there.again(held).reason is not None


def test_promises_are_open_kept_or_broken(there: WebStory) -> None:
    ticket = there.break_down()
    there.wait(seconds=1)
    there.add(*(Promise(id=f"P-{state}", kind=PromiseKind.NEXT_WORD, subject_kind=SubjectKind.TICKET,
                        subject_id=f"T-{state}", recipient_id="alice", made_at=there.now - DAY,
                        due_at=there.now - DAY + MINUTE, watch_at=there.now, state=state, settled_at=there.now)
                for state in (PromiseState.KEPT, PromiseState.BROKEN)))
    said = read(there.console().get(ALICE))
    assert "1 promise broken" in said
    assert "1 kept, 1 broken" in said
    assert there.all(Promise, Promise.subject_id == ticket.id, Promise.state == PromiseState.OPEN)


def test_one_key_sends_them_their_page(there: WebStory) -> None:
    ticket = there.break_down()
    there.wait(seconds=1)
    browser = there.console()
    page = browser.get(ALICE)
    assert re.search(r'<button data-key="m">', page.text)
    browser.post(f"{ALICE}/page-link", page=f"ticket/{ticket.id}")
    there.wait(seconds=5)
    row = there.one(Notification, Notification.topic == TopicName.PAGE_LINK)
    assert (row.state, row.subject_id, row.recipient_id) == ("sent", ticket.id, "alice")
    message = there.messages[-1]
    assert (message.to, "Your page" in message.subject) == ("alice@example.com", True)
    path = re.search(r"(/f/\S+)", message.text)
    assert path is not None
    assert "Compressor fault" in read(there.browser().get(path[1]))
    assert there.one(Audit, Audit.action == "send_page_link").object_id == "alice"
    assert "Sent The link to their page" in read(browser.get(ALICE))


def test_their_page_is_sent_once_a_minute_and_only_what_is_theirs(there: WebStory) -> None:
    ticket, other = there.break_down(), there.break_down("bob-pump")
    browser = there.console()
    browser.post(f"{ALICE}/page-link", page=f"ticket/{ticket.id}")
    again = browser.post(f"{ALICE}/page-link", page=f"ticket/{ticket.id}")
    assert "a moment ago" in read(again, 409)
    there.now += 61 * SECOND
    browser.post(f"{ALICE}/page-link", page=f"ticket/{ticket.id}")
    assert len(there.all(Notification, Notification.topic == TopicName.PAGE_LINK)) == 2
    for wrong in (f"ticket/{other.id}", "callback/C-00000000", "outage/X-00000000", "customer/alice"):
        assert browser.post(f"{ALICE}/page-link", page=wrong).status_code == 404, wrong
    assert browser.post(f"{ALICE}/page-link", page="").status_code == 422


def test_nothing_is_sent_to_a_contact_they_stopped(there: WebStory) -> None:
    ticket, browser = there.break_down(), there.console()
    there.wait(seconds=1)
    mail, sms = sorted(there.all(Contact, Contact.owner_id == "alice"), key=lambda one: one.position)
    browser.post(f"{ALICE}/contacts/{mail.id}", act="stop")
    browser.post(f"{ALICE}/page-link", page=f"ticket/{ticket.id}")
    there.wait(seconds=5)
    assert there.messages[-1].to == sms.address
    browser.post(f"{ALICE}/contacts/{sms.id}", act="stop")
    there.now += 2 * MINUTE
    assert "no address in use" in read(browser.post(f"{ALICE}/page-link", page=f"ticket/{ticket.id}"), 409)
    assert re.search(r'<button data-key="m" disabled', browser.get(ALICE).text)
    browser.post(f"{ALICE}/contacts/{mail.id}", act="restart")
    browser.post(f"{ALICE}/page-link", page=f"ticket/{ticket.id}")
    there.wait(seconds=5)
    assert there.messages[-1].to == mail.address
    assert [one.action for one in there.all(Audit, Audit.object_id == "alice")] == [
        "remove_contact", "send_page_link", "remove_contact", "add_contact", "send_page_link"]


def test_a_ticket_and_a_callback_are_opened_for_them(there: WebStory) -> None:
    browser = there.console()
    nothing = browser.post(f"{ALICE}/ticket", site_id="alice-home", cause=" ", skill="heating", note="kept")
    assert "in their words" in read(nothing, 422)
    assert ">kept</textarea>" in nothing.text
    assert "is no skill" in read(browser.post(f"{ALICE}/ticket", site_id="alice-home", cause="Cold", skill="x"), 422)
    browser.post(f"{ALICE}/ticket", site_id="alice-home", cause="The radiators stay cold", skill="heating",
                 severity="major", device_id="alice-pump")
    ticket = there.one(Ticket)
    assert (ticket.cause, ticket.device_id, ticket.severity) == ("The radiators stay cold", "alice-pump", "major")
    browser.post(f"{ALICE}/callback", site_id="alice-home", words="about the bill", ring_from="")
    assert there.one(Callback).customer_id == "alice"
    assert browser.post(f"{ALICE}/ticket", site_id="bob-home", cause="Cold", skill="heating").status_code == 404
    said = read(browser.get(ALICE))
    assert "The radiators stay cold" in said
    assert there.one(Callback).id in said


def test_people_are_changed_and_leave_and_the_needs_have_their_consent(there: WebStory) -> None:
    browser = there.console()
    refused = browser.post(f"{ALICE}/people", name="Mia Keller", role="tenant", needs="power_dependent")
    assert "only with their consent" in read(refused, 422)
    assert 'value="Mia Keller"' in refused.text
    person = mia(there, browser)
    assert (person.needs, person.needs_consent_on) == (["power_dependent"], "2026-11-01")
    path = f"{ALICE}/people/{person.id}"
    browser.post(path, name="Mia Keller-Roth", role="relative")
    assert (there.again(person).name, there.again(person).needs) == ("Mia Keller-Roth", [])
    assert "expected" in read(browser.post(f"{path}/contacts", channel="phone", address="12"), 422)
    browser.post(f"{path}/contacts", channel="email", address="mia@example.com")
    assert there.one(Contact, Contact.address == "mia@example.com").owner_kind == RecipientKind.PERSON
    assert browser.post(f"{BOB}/people/{person.id}", name="X", role="tenant").status_code == 404
    browser.post(f"{path}/leave")
    assert there.again(person).left_at is not None
    assert "Mia Keller-Roth" not in read(browser.get(ALICE)).partition("What happened")[0]


def test_a_household_moves_out_and_another_moves_in(there: WebStory) -> None:
    browser = there.console()
    path = f"{ALICE}/sites/alice-home/moving"
    assert "Tick that you mean it" in read(browser.post(path, newcomer="charlie"), 422)
    assert "no household with the id nobody" in read(browser.post(path, newcomer="nobody", sure="true"), 422)
    browser.post(path, newcomer="charlie", sure="true")
    assert there.one(Site, Site.id == "alice-home").customer_id == "charlie"
    assert "We know of no home of theirs" in read(browser.get(ALICE))
    browser.post("/console/customers/charlie/sites/charlie-home/moving", newcomer="", sure="true")
    assert there.one(Site, Site.id == "charlie-home").household_left_at is not None


def test_household_and_way_in_are_changed(there: WebStory) -> None:
    browser = there.console()
    assert "a beginning and an end" in read(browser.post(f"{ALICE}/household", name="Alice", locale="en",
                                                         quiet_from="21:00"), 422)
    browser.post(f"{ALICE}/household", name="Alice Keller-Roth", locale="de", quiet_from="21:00", quiet_until="08:00")
    alice = there.one(Customer, Customer.id == "alice")
    assert (alice.name, alice.locale, alice.quiet_from) == ("Alice Keller-Roth", "de", "21:00")
    browser.post(f"{ALICE}/sites/alice-home/access", access="Ring twice")
    assert there.one(Site, Site.id == "alice-home").access == "Ring twice"


def test_a_customer_at_risk_has_a_suggestion_and_one_click_does_it(there: WebStory) -> None:
    there.break_down()
    there.wait(seconds=1)
    there.wait(minutes=24 * 60)
    browser = there.console()
    page = browser.get(ALICE)
    assert 'id="ring-now"' in page.text
    words = re.search(r'name="words" value="([^"]+)"', page.text)
    assert words is not None
    browser.post(f"{ALICE}/callback", site_id="alice-home", words=words[1])
    assert there.one(Callback).site_id == "alice-home"
    assert 'id="ring-now"' not in browser.get(ALICE).text


@pytest.mark.parametrize(("path", "leads_to"), [
    ("/console/sites/alice-home", f"{ALICE}#site-alice-home"),
    ("/console/devices/alice-pump", f"{ALICE}#device-alice-pump")])
def test_a_site_and_a_device_are_parts_of_the_page(there: WebStory, path: str, leads_to: str) -> None:
    browser = there.console()
    assert browser.web.get(path).headers["location"] == leads_to
    assert browser.web.get(f"{path}-not").status_code == 404
    assert f'id="{leads_to.partition("#")[2]}"' in browser.get(ALICE).text
    assert browser.web.get("/console/customers/nobody").status_code == 404


def test_the_page_follows_what_happens_without_anybodys_token_or_number(there: WebStory) -> None:
    ticket, browser = there.break_down(), there.console()
    page = browser.get(ALICE).text
    path = re.search(r'data-live="([^"]+)" data-version="([0-9a-f]{16})"', page)
    assert path is not None
    with browser.web.stream("GET", f"{path[1]}?version={path[2]}") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith(":")
        there.accept()
        said = next(line for line in lines if "Karin Kunz" in line)
    assert ticket.id in said
    assert browser.csrf not in said
    assert "79 123 45 67" not in said
    for own in (f"{ALICE}?reach=true", f"{ALICE}?older=x"):
        assert "data-live" not in browser.web.get(own).text


def test_a_page_says_which_state_it_shows_as_its_stream_does(there: WebStory) -> None:
    there.break_down()
    call, browser = there.call_for_help(), there.console()
    for path in (ALICE, f"/console/callbacks/{call.id}", "/console/call?site=alice-home"):
        browser.get(path)  # that they have seen the numbers is a line of the page itself
        shown = re.search(r'data-live="([^"]+)" data-version="([0-9a-f]{16})"', browser.get(path).text)
        assert shown is not None
        with browser.web.stream("GET", f"{shown[1]}{'&' if '?' in shown[1] else '?'}version=another") as answer:
            state = next(line for line in answer.iter_lines() if line.startswith("id: "))
        assert state == f"id: {shown[2]}", path
