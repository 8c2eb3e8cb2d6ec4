"""Plain buttons: what a technician and a customer can say about a visit that does not go as planned."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import DISPATCHER, HOUR, MINUTE, Job, Provider, Visit, from_iso
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.tickets.actions import Arrive, Depart, Finish, LogCall
from tests.drivers.web_driver import WebStory, read, web_story

pytestmark = pytest.mark.slow
KARIN = "technician Karin Kunz"


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def coming(there: WebStory) -> tuple[Visit, str, str]:
    """Somebody has accepted: the visit, its page, and the customer's."""
    ticket = there.break_down()
    there.accept()
    return there.one(Visit), there.visit(ticket), there.follow(ticket)


# the technician


def test_a_technician_hands_the_job_back_and_the_old_link_says_so(there: WebStory, web: httpx.Client) -> None:
    _, page, _ = coming(there)
    assert "I cannot come as agreed" in read(web.get(page))
    for _ in range(2):
        assert web.post(page, data={"act": "hand_back", "why": "the van broke down"}).status_code == 303
    assert there.ticket.state == "offered"
    told = read(web.get(page))
    assert "You handed this job back." in told
    assert "That is no longer possible." in read(web.post(page, data={"act": "arrive"}), 409)
    there.now += HOUR
    gone = read(web.get(page), 404)
    for private in ("Alice", "Lindenweg", "neighbour"):
        assert private not in gone


def test_a_technician_comes_at_another_time(there: WebStory, web: httpx.Client) -> None:
    visit, page, follow = coming(there)
    window = {"window_from": "2026-11-24T09:00", "window_until": "2026-11-24T11:00"}
    assert web.post(page, data={"act": "window"} | window).status_code == 303
    assert there.again(visit).window_from == from_iso("2026-11-24T09:00:00+01:00")
    assert "Arrives 09:00–11:00 tomorrow" in read(web.get(follow))
    far = {"window_from": "2026-12-24T09:00", "window_until": "2026-12-24T11:00"}
    assert "more than two weeks away" in read(web.post(page, data={"act": "window"} | far), 409)
    assert "both times" in read(web.post(page, data={"act": "window", "window_from": "soon"}), 422)


def test_a_technician_says_when_they_come_after_all(there: WebStory, web: httpx.Client) -> None:
    _, page, follow = coming(there)
    there.now += 3 * HOUR + 30 * MINUTE
    for _ in range(2):  # a second tap changes nothing
        assert web.post(page, data={"act": "delay", "minutes": "60"}).status_code == 303
    there.wait(seconds=1)
    assert len(there.notifications(TopicName.VISIT_LATE)) == 1
    web.post(page, data={"act": "depart", "minutes": "20"})
    assert "Still on the way" in read(web.get(page))
    assert "Arrives about 16:40–17:00 today" in read(web.get(follow))


def test_a_technician_at_work_says_that_it_takes_longer(there: WebStory, web: httpx.Client) -> None:
    visit, page, _ = coming(there)
    there.act(Arrive(visit.id), KARIN)
    assert "It takes about … more" in read(web.get(page))
    assert web.post(page, data={"act": "overrun", "minutes": "90"}).status_code == 303
    assert any("90 min more" in line for line in there.timeline(there.ticket.id))


def test_a_part_is_missing_with_its_name_and_its_day(there: WebStory, web: httpx.Client) -> None:
    visit, page, follow = coming(there)
    there.act(Arrive(visit.id), KARIN)
    form = {"act": "finish", "outcome": "part_missing", "note": "The valve is stuck",
            "parts": "diverter valve\r\nseal\r\n"}
    assert "on which you expect it" in read(web.post(page, data=form), 422)
    assert "The valve is stuck" in read(web.post(page, data=form), 422)
    nothing = form | {"parts": " ", "part_day": "2026-11-26"}
    assert "which part is missing" in read(web.post(page, data=nothing), 422)
    assert web.post(page, data=form | {"part_day": "2026-11-26"}).status_code == 303
    there.wait(minutes=2)  # to take it back
    assert there.again(visit).parts == ["diverter valve", "seal"]
    assert there.one(Job).hold_until == from_iso("2026-11-26T08:00:00+01:00")
    told = read(web.get(follow))
    assert "We are waiting for a part" in told
    assert "What is missing diverter valve, seal Expected Thu 26 Nov, 08:00" in told
    assert "A part is missing: The valve is stuck" in read(web.get(page))


def test_nobody_is_there_only_after_a_call_and_ten_minutes(there: WebStory, web: httpx.Client) -> None:
    visit, page, _ = coming(there)
    there.act(Arrive(visit.id), KARIN)
    gone = {"act": "finish", "outcome": "no_access"}
    assert "Please ring the customer first" in read(web.post(page, data=gone), 409)
    assert web.post(page, data={"act": "call"}).status_code == 303
    assert "You rang at 13:00. From 13:10 on" in read(web.get(page))
    there.now += 11 * MINUTE
    assert web.post(page, data=gone).status_code == 303


def test_a_technician_reads_it_in_their_own_language(there: WebStory, web: httpx.Client) -> None:
    _, page, _ = coming(there)
    there.change(there.one(Provider, Provider.id == there.ticket.provider_id), locale="de")
    told = read(web.get(page))
    assert "Ich kann nicht wie vereinbart kommen" in told
    assert "Auftrag zurückgeben" in told


# the customer


def test_it_works_again_and_the_customer_chooses(there: WebStory, web: httpx.Client) -> None:
    visit, page, follow = coming(there)
    assert "Come anyway" not in read(web.get(follow))
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    told = read(web.get(follow))
    assert "Your device works again" in told
    assert "Come anyway Not needed" in told
    assert "The customer is being asked whether you shall still come" in read(web.get(page))
    assert there.again(visit).state == "planned", "looking changes nothing"
    assert web.post(follow, data={"act": "drop"}).status_code == 303
    assert "The fault is gone" in read(web.get(follow))
    assert "You have answered already" in read(web.post(follow, data={"act": "keep"}), 409)
    assert "This visit was called off." in read(web.get(page))


def test_a_customer_agrees_to_an_earlier_arrival(there: WebStory, web: httpx.Client) -> None:
    visit, page, follow = coming(there)
    there.change(visit, window_from=there.now + 2 * HOUR)
    there.act(Depart(visit.id, 30), KARIN)
    assert "the customer has not agreed to an earlier time" in read(web.get(page))
    assert "Yes, come earlier" in read(web.get(follow))
    for _ in range(2):
        assert web.post(follow, data={"act": "early"}).status_code == 303
    assert "You have agreed to the earlier time." in read(web.get(follow))
    assert "The customer agrees to your earlier arrival." in read(web.get(page))


def test_a_customer_says_that_nobody_has_come(there: WebStory, web: httpx.Client) -> None:
    _, _, follow = coming(there)
    assert "Nobody has come" not in read(web.get(follow))
    there.now += 4 * HOUR + MINUTE
    assert "Nobody has come" in read(web.get(follow))
    assert web.post(follow, data={"act": "missed"}).status_code == 303
    there.wait(seconds=1)
    assert TopicName.VISIT_PROBLEM in there.heard(DISPATCHER)


def test_a_customer_says_that_nobody_has_come_although_they_say_that_they_are_there(there: WebStory, web: httpx.Client
                                                                                    ) -> None:
    visit, _, follow = coming(there)
    there.act(Arrive(visit.id), KARIN)
    assert "Nobody has come" in read(web.get(follow))
    assert web.post(follow, data={"act": "missed"}).status_code == 303
    there.wait(seconds=1)
    assert TopicName.VISIT_PROBLEM in there.heard(DISPATCHER)


def test_a_customer_was_at_home(there: WebStory, web: httpx.Client) -> None:
    visit, _, follow = coming(there)
    there.act(Arrive(visit.id), KARIN)
    there.act(LogCall(visit.id), KARIN)
    there.now += 11 * MINUTE
    web.post(there.visit(there.ticket), data={"act": "finish", "outcome": "no_access"})
    there.wait(minutes=2)  # to take it back
    assert "Somebody was at home" in read(web.get(follow))
    for _ in range(2):
        assert web.post(follow, data={"act": "contest"}).status_code == 303
    assert "We are looking into it." in read(web.get(follow))
    assert there.again(visit).contested_at == there.now


def test_done_is_not_called_fixed_while_the_sensor_says_otherwise(there: WebStory, web: httpx.Client) -> None:
    visit, _, follow = coming(there)
    there.act(Arrive(visit.id), KARIN)
    there.act(Finish(visit.id, "Pump replaced"), KARIN)
    told = read(web.get(follow))
    assert "Karin Kunz says that it is done" in told
    assert "It is fixed" not in told


@pytest.mark.parametrize("form", [{"act": "party"}, {}, {"act": "keep"}, {"act": "contest"}])
def test_what_nobody_asked_changes_nothing(there: WebStory, web: httpx.Client, form: dict[str, str]) -> None:
    visit, _, follow = coming(there)
    assert web.post(follow, data=form).status_code in (404, 409)
    assert there.again(visit).state == "planned"
