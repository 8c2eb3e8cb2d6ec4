"""Strangers and careless people at what customers choose: guessed codes and links, names as attacks, absurd forms."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.config.fleet_file import BadFleet
from gateway.flow.customers import contact_codes
from gateway.model import (
    MINUTE,
    Contact,
    ContactCheck,
    Customer,
    DeadLetter,
    Device,
    Person,
    Preference,
    Unclaimed,
    customer,
)
from gateway.notifications.preferences.choose import MUTABLE
from gateway.notifications.preferences.codes import AN_HOUR_NETWORK, CodeResult, code_of
from gateway.store import Store
from tests.drivers.delivery_driver import DeliveryDriver, delivery_driver
from tests.drivers.web_driver import WebStory, read, web_story
from tests.fixtures import servers
from tests.fixtures.household import ARBER, move_in
from tests.stories.test_preferences import KEPT, NEW, alices, leak, page_of

TOGETHER = 50
TURNED = "\u202eevil\u202c"
HEADERS = "Alice\r\nBcc: everybody@example.com\r\n\r\nHello"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def all_at_once(work: Callable[[int], CodeResult]) -> Counter[CodeResult]:
    with ThreadPoolExecutor(TOGETHER) as crowd:
        return Counter(crowd.map(work, range(TOGETHER)))


def token_of(there: WebStory, owner: str = "alice") -> str:
    return page_of(there, there.all(Contact, Contact.owner_id == owner)[0]).removeprefix("/m/")


# --- codes

def test_fifty_guesses_at_once_are_five(there: WebStory, web: httpx.Client) -> None:
    token = token_of(there)
    web.post(f"/m/{token}", data=NEW)
    check = there.one(ContactCheck)
    right = code_of(there.secret, check.id)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    became = all_at_once(lambda _: contact_codes.enter_code(there.gw, token, wrong, there.now))
    assert became == {CodeResult.WRONG: 4, CodeResult.OVER: TOGETHER - 4}  # the fifth was the last
    assert there.again(check).tries == 5
    assert contact_codes.enter_code(there.gw, token, right, there.now) is CodeResult.OVER
    assert there.one(Contact, Contact.id == check.contact_id).stopped_at is not None


def test_the_right_code_fifty_times_at_once_counts_once(there: WebStory, web: httpx.Client) -> None:
    token = token_of(there)
    web.post(f"/m/{token}", data=NEW)
    check = there.one(ContactCheck)
    right = code_of(there.secret, check.id)
    became = all_at_once(lambda _: contact_codes.enter_code(there.gw, token, right, there.now))
    assert became == {CodeResult.RIGHT: 1, CodeResult.OVER: TOGETHER - 1}


def test_fifty_who_ask_at_once_get_one_code(there: WebStory) -> None:
    token = token_of(there)
    became = all_at_once(lambda number: contact_codes.ask_code(
        there.gw, token, "email", f"a{number}@example.com", there.now))
    assert became == {CodeResult.SENT: 1, CodeResult.JUST_SENT: TOGETHER - 1}
    assert len(there.all(ContactCheck)) == 1


def test_one_network_asks_for_so_many_codes_whosever_links_it_has(there: WebStory) -> None:
    move_in(there)
    tokens = [token_of(there, owner) for owner in ("alice", "bob", "charlie", "emil", "erna")]

    def ask(token: str, network: str, which: int) -> CodeResult:
        there.wait(minutes=1)
        return contact_codes.ask_code(there.gw, token, "email", f"a{which}@example.com", there.now, network)

    for which in range(AN_HOUR_NETWORK):
        assert ask(tokens[which % 4], f"2001:db8:0:7::{which + 1:x}", which) is CodeResult.SENT  # one home's
    assert ask(tokens[4], "2001:db8:0:7::ffff", 90) is CodeResult.BUSY
    assert ask(tokens[4], "192.0.2.7", 91) is CodeResult.SENT
    assert "192.0.2.7" not in str(there.all(ContactCheck))
    there.wait(minutes=61)
    assert ask(tokens[4], "2001:db8:0:7::ffff", 92) is CodeResult.SENT
    assert contact_codes.network_of("::ffff:192.0.2.7") == contact_codes.network_of("192.0.2.7") == "192.0.2.7"
    assert contact_codes.network_of("testclient") == ""


# --- whose is it?

def test_an_address_that_somebody_has_and_one_that_nobody_has_look_the_same(there: WebStory, web: httpx.Client) -> None:
    pages, seen = [], []
    page = alices(there)
    for address in ("charlie@example.com", "nobody@example.org"):
        answer = web.post(page, data=NEW | {"address": address})
        pages.append((answer.status_code, answer.headers["location"].removeprefix(page), answer.text))
        seen.append(read(web.post(page, data={"act": "enter_code", "code": "none"}), 422))
        assert address not in web.get(page).text
        there.wait(minutes=2)
    assert pages[0] == pages[1]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("token", [
    "", ".", "%2e%2e", "C-0.0", "C-0.0.", "%00", "a%0d%0aSet-Cookie:%20a=b", "x" * 4_000, "%F0%9F%94%A5", "../h/x",
    "C-0.99999999999999999999999.aaaaaaaaaaaaaaaaaaaaaaaaaaa", "%E2%80%AE.0.aaa",
])
def test_a_link_that_we_have_not_signed_opens_nothing_and_stops_nothing(
        there: WebStory, web: httpx.Client, token: str) -> None:
    for answer in (web.get(f"/m/{token}"), web.post(f"/m/{token}", data=KEPT), web.get(f"/m/{token}/stop/all"),
                   web.post(f"/m/{token}/stop/all", content=b"List-Unsubscribe=One-Click",
                            headers={"content-type": "application/x-www-form-urlencoded"})):
        assert answer.status_code in (404, 405, 307)
        assert len(answer.text) < 20_000
        assert "set-cookie" not in answer.headers
    assert there.all(Preference) == []


def test_a_forged_link_of_somebody_who_is_here_and_of_nobody_have_one_answer(
        there: WebStory, web: httpx.Client) -> None:
    theirs = token_of(there).rpartition(".")[0]
    for path in ("", "/stop/all"):
        said = {(web.post(f"/m/{one}.{'a' * 27}{path}", data=KEPT).status_code,
                 web.get(f"/m/{one}.{'a' * 27}{path}").text) for one in (theirs, "C-0000000000000000.0")}
        assert len(said) == 1


@pytest.mark.parametrize("group", [
    "callbacks", "everything", "faults%0d%0aX:%20y", "ALL", "%00", "x" * 2_000, "faults/x"])
def test_a_group_that_nobody_can_mute_is_none(there: WebStory, web: httpx.Client, group: str) -> None:
    for answer in (web.get(f"{alices(there)}/stop/{group}"), web.post(f"{alices(there)}/stop/{group}")):
        assert answer.status_code == 404
    assert there.all(Preference) == []


def test_one_click_takes_whatever_a_mail_program_posts(there: WebStory, web: httpx.Client) -> None:
    page = f"{alices(there)}/stop/surveys"
    one_click = b"List-Unsubscribe=One-Click"
    for content, kind in ((b"", ""), (one_click, "text/plain"), (b"\xff\x00", "multipart/form-data"),
                          (b"{}", "application/json"), (one_click, "application/x-www-form-urlencoded")):
        answer = web.post(page, content=content, headers={"content-type": kind} if kind else {})
        assert (answer.status_code, "set-cookie" in answer.headers, answer.history) == (200, False, [])
    assert there.one(Preference).muted == ["surveys"]


# --- absurd forms

@pytest.mark.parametrize("form", [
    {"groups": ["faults"] * 900}, {"groups": ["nothing", "<script>", "callbacks"]}, {"act": ["choose"] * 900},
    {"first_faults": "C-of-somebody-else"}, {"first_visits": "x" * 10_000}, {"quiet_from": "22:00\r\nX: y"},
    {"locale": "de\u202e"}, {"timezone": "Europe/Zurich\x00"}, {"amount": "everything\x00"},
])
def test_a_form_that_nobody_fills_in_so_has_a_short_answer_and_loses_nothing(
        there: WebStory, web: httpx.Client, form: dict[str, Any]) -> None:
    web.post(alices(there), data=KEPT | {"amount": "now"})
    answer = web.post(alices(there), data=KEPT | {"amount": "now", "quiet": "own", "quiet_from": "20:00",
                                                  "quiet_until": "07:00"} | form)
    assert answer.status_code in (303, 400, 413, 422), answer.status_code
    assert len(answer.text) < 40_000
    row = there.one(Preference)
    assert row.amount == "now"
    assert set(row.muted) <= set(MUTABLE)
    assert row.first_for == {}


@pytest.mark.parametrize("address", [
    "a@example.com\r\nBcc: b@example.com", "a@example.com\n", "a@example.com,b@example.com", "a@example.com\x00",
    "<a@example.com>", "a\u202e@example.com", "\"a b\"@example.com", "a@[127.0.0.1]", "a@exam\u2028ple.com"])
def test_an_address_is_one_address(there: WebStory, web: httpx.Client, address: str) -> None:
    answer = web.post(alices(there), data=NEW | {"address": address})
    if address.strip() == "a@example.com":  # a line end behind it is a slip of the thumb
        assert answer.status_code == 303
        assert there.one(ContactCheck).address == "a@example.com"
        return
    assert "We cannot write to this address" in read(answer, 422)
    assert there.all(ContactCheck) == []


def test_the_first_contact_for_one_kind_of_message_is_theirs_to_choose(there: WebStory, web: httpx.Client) -> None:
    sms = there.one(Contact, Contact.owner_id == "alice", Contact.channel == "sms")
    assert web.post(alices(there), data=KEPT | {"first_faults": sms.id}).status_code == 303
    assert f'value="{sms.id}" selected' in web.get(alices(there)).text
    leak(there)
    there.wait(seconds=5)
    assert len(there.told_to(sms.address)) == 1
    assert there.told_to("alice@example.com") == []
    web.post(alices(there), data={"act": "stop_contact", "contact": sms.id})  # then the next one is used
    leak(there, "alice-pump")
    assert web.post(alices(there), data=KEPT | {"first_faults": ""}).status_code == 303
    assert there.one(Preference).first_for == {}


# --- names

@pytest.mark.parametrize(("name", "words"), [
    ("x" * 100_000, "at most 200"), ("Erna\\u202eArber", "U+202E"), ("Erna\\r\\nBcc: x@example.com", "U+000D"),
    ("Erna\\0", "U+0000"), ("Erna\\u2028Arber", "U+2028"),
])
def test_an_import_names_the_line_of_a_name_that_is_none(there: WebStory, name: str, words: str) -> None:
    text = ARBER.replace("name: Erna Arber", f'name: "{name}"')
    with pytest.raises(BadFleet) as bad:
        move_in(there, text)
    [error] = bad.value.errors
    assert words in error
    assert "fleet.yaml:" in error
    assert len(error) < 1_000
    assert there.all(Person) == []


@pytest.mark.parametrize("zone", [
    "Mars/Olympus", "../../etc/passwd", "x" * 5_000, "", "Europe/Zurich\\0", "europe/zurich "])
def test_an_import_names_the_line_of_a_zone_that_is_none(there: WebStory, zone: str) -> None:
    with pytest.raises(BadFleet) as bad:
        move_in(there, ARBER.replace("timezone: Europe/Zurich", f'timezone: "{zone}"', 1))
    assert "fleet.yaml:5" in bad.value.errors[0]
    assert len(bad.value.errors[0]) < 1_000
    assert there.all(Person) == []


def test_an_import_names_the_line_of_quiet_hours_that_are_none(there: WebStory) -> None:
    with pytest.raises(BadFleet) as bad:
        move_in(there, ARBER.replace("phone: 044 668 18 01", 'quiet_hours: ["22:00", "22:00"]', 1))
    assert "expected two different times" in bad.value.errors[0]


@pytest.fixture
def office(both_stores: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer
           ) -> DeliveryDriver:
    return delivery_driver(both_stores, smtp_server, webhook_server)


@pytest.mark.parametrize("name", [HEADERS, f"Alice {TURNED}", "x" * 100_000, "Al\x01i\x07ce\u2028Keller"])
def test_a_name_that_came_in_all_the_same_breaks_no_mail_and_no_sms(
        office: DeliveryDriver, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer, name: str
) -> None:
    office.change(Customer, "alice", name=name)
    office.change(Device, "alice-pump", name=name)
    office.tell("fault_found", "1", critical=True)
    smtp_server.refused["alice@example.com"] = "550 no such user"
    office.deliver()
    office.deliver(office.now + MINUTE)
    sms = [one.body for one in webhook_server.posts if one.path.startswith("/sms/")]
    assert [len(one) < 4_000 for one in sms] == [True, True]  # the fault, and that their mail does not work
    smtp_server.refused.clear()
    office.tell("page_link", "1", to=customer("bob"))
    office.change(Customer, "bob", name=name)
    office.deliver()
    [mail] = smtp_server.mails
    assert b"bcc" not in mail.raw.partition(b"\r\n\r\n")[0].lower()
    assert len(mail.raw) < 100_000
    for text in (mail.text, str(mail.message["Subject"]), *(one.decode() for one in sms)):
        assert not set("\u202e\u2028\x01\x07") & set(text)


# --- many at once, and what devices call themselves

def test_twenty_who_choose_for_the_first_time_at_once_all_have_an_answer(there: WebStory) -> None:
    page, agent = alices(there), there.key()

    def choose(number: int) -> int:
        with there.client(agent) as client:
            if number % 2:
                return client.post(page, data=KEPT | {"amount": "now"}).status_code
            return client.patch("/api/v1/customers/alice/preferences", json={"amount": "now"}).status_code

    with ThreadPoolExecutor(20) as crowd:
        became = Counter(crowd.map(choose, range(20)))
    assert set(became) <= {200, 303, 409}
    assert became[200]
    assert became[303]
    assert there.one(Preference).amount == "now"


@pytest.mark.parametrize("name", ["x" * 100_000, TURNED, HEADERS, "\x00\x07", 7, ["a"] * 10_000])
def test_a_device_that_introduces_itself_with_an_attack_is_listed_in_short(there: WebStory, name: Any) -> None:
    there.receive("homeassistant/sensor/pump-7/p/config", {
        "name": "Pressure", "unique_id": "pump-7-p", "state_topic": "acme/pump-7/state",
        "unit_of_measurement": "bar", "device": {"identifiers": ["pump-7"], "name": name}})
    there.receive("acme/pump-7/state", "1.5")
    with there.client(there.key()) as agent:
        listed = agent.get("/api/v1/unclaimed-devices")
    assert listed.status_code == 200
    assert len(listed.text) < 5_000
    rows = there.all(Unclaimed)
    dead = there.all(DeadLetter)
    assert len(rows) + len(dead) > 0  # whatever it calls itself, it is listed
    for one in rows:
        assert one.name.isprintable()
        assert len(one.name) <= 300
