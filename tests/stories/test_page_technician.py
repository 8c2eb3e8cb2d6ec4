"""The provider's and the technician's pages, used as people do, without a script."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.devices.profiles import compile_profile
from gateway.devices.registration import DeviceRequest
from gateway.model import HOUR, MINUTE, Entry, Offer, Provider, Visit, from_iso
from gateway.mqtt.command_publisher import claim_commands
from gateway.store import Store
from gateway.store.devices import device_registry
from gateway.tickets.actions import CancelTicket, Finish
from tests.drivers.story import HEAT_PUMP
from tests.drivers.web_driver import WebStory, accept, read, web_story


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


# the provider


def test_before_accepting_a_provider_sees_the_fault_and_the_town_but_not_the_home(
        there: WebStory, web: httpx.Client) -> None:
    there.says("alice-pump", flow_temp=80.0)
    page = read(web.get(there.offer(there.ticket)))
    assert "The heat pump is overheating" in page
    assert "Heat pump · 8001 Wiesental" in page
    assert "Please answer by 13:20 today" in page
    assert "flow temp 80 °C Rule flow temp > 75 °C" in page
    for private in ("Alice", "Lindenweg", "neighbour"):
        assert private not in page


def test_an_offer_for_two_devices_shows_the_one_that_is_still_broken(there: WebStory, web: httpx.Client) -> None:
    with there.gw.store.write() as session:
        device_registry.add(session, DeviceRequest(id="alice-cellar", key="native:alice-cellar", profile="heat-pump",
                                                   site="alice-home", name="Cellar pump"))
    first = there.break_down()
    there.says("alice-cellar", flow_temp=80.0)
    page = there.offer(first)
    assert "Compressor fault" in read(web.get(page))
    there.act(CancelTicket(first.id, "replaced"))
    assert "The heat pump is overheating" in read(web.get(page))
    assert "Compressor fault" not in read(web.get(page))


def test_accepting_leads_to_the_visit_with_everything_needed_to_go(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.measure()
    answer = accept(there, web, there.offer(ticket))
    assert (answer.status_code, answer.headers["location"]) == (303, there.visit(ticket))
    page = web.get(there.visit(ticket))
    told = read(page)
    assert "Alice Keller Lindenweg 1 8001 Wiesental" in told
    assert "the key is with the neighbour" in told
    assert 'href="geo:47.37,8.54?q=47.37,8.54(Lindenweg%201%2C%208001%20Wiesental)"' in page.text
    assert "flow temp 72.1 °C" in told
    assert page.text.count("<polyline") == 2
    assert "The device still reports the fault." in told
    visit = there.one(Visit)
    assert (visit.technician, visit.window_from) == ("Karin Kunz", there.now)
    assert "provider Kunz Heating" in [str(entry.by) for entry in there.all(Entry, Entry.subject_id == ticket.id)]


def test_whoever_goes_knows_what_was_tried_from_afar(there: WebStory, web: httpx.Client) -> None:
    tried = HEAT_PUMP.replace("  E7: {", "  E7: {first_try: {command: restart, wait: 90s}, ")
    tried += "commands: {restart: {safe: true, name: {en: restart, de: Neustart}}}\n"
    there.gw.profiles["heat-pump"] = compile_profile(tried, "tried.yaml")
    there.receive("devices/alice-pump/fault", {"code": "E7"})
    (command,) = claim_commands(there.gw, 1, there.now)
    there.receive("devices/alice-pump/ack", {"id": command.id})
    there.wait(seconds=90)
    said = "Tried from afar restart, 13:00 today: the device confirmed it; the fault stayed"
    assert said in read(web.get(there.offer(there.ticket)))
    assert accept(there, web, there.offer(there.ticket)).status_code == 303
    assert said in read(web.get(there.visit(there.ticket)))
    there.change(there.one(Provider, Provider.id == there.ticket.provider_id), locale="de")
    assert "Aus der Ferne versucht Neustart, heute 13:00: vom Gerät bestätigt; die Störung blieb" in read(
        web.get(there.visit(there.ticket)))


def test_the_link_in_the_offer_leads_on_to_the_visit_once_accepted(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    accept(there, web, page)
    assert web.get(page).headers["location"] == there.visit(ticket)


def test_the_windows_on_the_page_can_be_chosen_as_they_are(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = web.get(there.offer(ticket)).text
    choices = re.findall(r'name="window" value="(\d+)-(\d+)"', page)
    assert len(choices) == 3
    assert accept(there, web, there.offer(ticket), window="-".join(choices[1])).status_code == 303
    visit = there.one(Visit)
    assert (str(visit.window_from), str(visit.window_until)) == choices[1]


def test_a_window_can_be_typed_in_the_time_of_the_place(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    typed = {"window": "other", "window_from": "2026-11-24T09:00", "window_until": "2026-11-24T11:30"}
    assert accept(there, web, there.offer(ticket), **typed).status_code == 303
    assert there.one(Visit).window_from == from_iso("2026-11-24T09:00:00+01:00")


@pytest.mark.parametrize("form", [
    {"window": "other"}, {"window": "other", "window_from": "soon", "window_until": "2026-11-24T11:30"},
    {"window": "other", "window_from": "2026-11-24T11:00", "window_until": "2026-11-24T09:00"},
    {"window": "other", "window_from": "2020-01-01T08:00", "window_until": "2020-01-01T12:00"},
    {"window": ""}, {"window": "1-2"}, {"window": "1-2-3"}, {"window": "a-b"},
])
def test_a_window_that_makes_no_sense_is_asked_for_again(
        there: WebStory, web: httpx.Client, form: dict[str, str]) -> None:
    ticket = there.break_down()
    told = read(accept(there, web, there.offer(ticket), **form), 422)
    assert "arrival window" in told
    assert "Accept this job" in told
    assert there.again(ticket).state == "offered"


def test_a_window_more_than_two_weeks_away_is_asked_back_once(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    far = {"window": "other", "window_from": "2027-11-24T09:00", "window_until": "2027-11-24T11:30"}
    asked = read(accept(there, web, page, **far), 409)
    assert "more than two weeks away" in asked
    assert 'value="2027-11-24T09:00"' in accept(there, web, page, **far).text
    assert there.again(ticket).state == "offered"
    assert accept(there, web, page, **far, confirmed="yes").status_code == 303
    assert there.one(Visit).window_from == from_iso("2027-11-24T09:00:00+01:00")


def test_who_comes_too_late_reads_that_another_firm_was_faster(there: WebStory, web: httpx.Client) -> None:
    there.break_down()
    there.wait(minutes=10)
    first, second = sorted(there.all(Offer), key=lambda offer: offer.wave)
    slower = there.link("offer", second)
    assert accept(there, web, there.link("offer", first)).status_code == 303
    assert "Ein anderer Betrieb war schneller." in web.get(slower).text


def test_declining_asks_the_next_and_keeps_the_reason(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    assert web.post(page, data={"act": "decline", "reason": "too_far", "words": "snow"}).status_code == 303
    assert "You declined this job." in read(web.get(page))
    first, second = sorted(there.all(Offer), key=lambda offer: offer.rank)
    assert (first.answer, second.state) == ("Too far away: snow", "pending")


def test_an_answer_that_comes_too_late_meets_a_calm_sentence(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    there.act(CancelTicket(ticket.id, "sold"))
    told = read(accept(there, web, page), 409)
    assert "That is no longer possible." in told
    assert "This job is no longer open." in told
    assert there.all(Visit) == []


def test_accepting_twice_makes_one_visit_and_the_second_tap_finds_it(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    for _ in range(2):
        assert accept(there, web, page).headers["location"] == there.visit(ticket)
    assert len(there.all(Visit)) == 1
    other = accept(there, web, page, window=f"{there.now + HOUR}-{there.now + 5 * HOUR}")
    assert other.status_code == 409
    assert f'href="{there.visit(ticket)}"' in other.text


# the technician


def test_three_taps_and_each_is_past_afterwards(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    accept(there, web, there.offer(ticket))
    page = there.visit(ticket)
    assert web.post(page, data={"act": "depart", "minutes": "30"}).headers["location"] == page
    assert "Arrives about 13:30 today" in read(web.get(page))
    assert web.post(page, data={"act": "arrive"}).status_code == 303
    assert web.post(page, data={"act": "finish", "note": "Pump replaced"}).status_code == 303
    there.wait(minutes=2)  # to take it back
    assert "This visit is finished. Thank you." in read(web.get(page))
    assert there.again(ticket).resolution == "Pump replaced"
    who = {str(entry.by) for entry in there.all(Entry, Entry.subject_id == ticket.id)}
    assert "technician Karin Kunz" in who


def test_fixed_without_a_note_is_asked_for_the_note(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    web.post(page, data={"act": "arrive"})
    told = read(web.post(page, data={"act": "finish", "note": "  "}), 422)
    assert "Please write in a few words what was done." in told
    assert there.again(ticket).state == "on_site"


def test_a_tap_that_is_no_longer_possible_keeps_what_was_typed(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    web.post(page, data={"act": "depart", "minutes": "20"})
    told = read(web.post(page, data={"act": "depart", "minutes": "45", "note": "a long story"}), 409)
    assert "That is no longer possible." in told
    assert "a long story" in told
    visit = there.one(Visit)
    assert visit.eta == there.now + 20 * MINUTE


def test_the_technician_sees_what_was_before(there: WebStory, web: httpx.Client) -> None:
    first = there.break_down()
    there.accept("Old Otto")
    visit = there.one(Visit)
    web.post(there.visit(first), data={"act": "arrive"})
    there.act(Finish(visit.id, "Fan was loose"))
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    there.wait(minutes=20)
    there.now += 30 * 24 * HOUR
    second = there.break_down(code="E9")
    accept(there, web, there.offer(second))
    told = read(web.get(there.visit(second)))
    assert "23 Nov 2026 Old Otto: Fan was loose" in told
    assert "23 Nov 2026 Compressor fault" in told


def test_the_technicians_link_dies_with_the_visit(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    web.post(page, data={"act": "arrive"})
    web.post(page, data={"act": "finish", "note": "done"})
    there.wait(minutes=2)  # to take it back
    assert web.get(page).status_code == 200
    there.now += 2 * HOUR
    read(web.get(page), 404)
