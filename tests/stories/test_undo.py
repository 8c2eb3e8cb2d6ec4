"""A wrong tap of a technician is taken back within two minutes, and everybody who believed it hears what is true."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    DueKind,
    Job,
    Notification,
    NotificationState,
    Offer,
    OnCallPage,
    PageState,
    Promise,
    PromiseKind,
    PromiseState,
    Visit,
)
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.tickets.actions import AcceptOffer, Arrive, Depart, DropVisit, KeepVisit, MoveVisit, TakeBack
from tests.drivers.story import NOON
from tests.drivers.web_driver import WebStory, hidden_fields, read, web_story

KARIN, HERSELF = "technician Karin Kunz", "customer Alice Keller"
WELL = {"flow_temp": 40.0, "pressure": 1.5}


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def coming(there: WebStory) -> tuple[Visit, str]:
    ticket = there.break_down()
    there.accept()
    there.wait(seconds=1)
    return there.one(Visit), there.visit(ticket)


def running(there: WebStory, visit: Visit) -> set[DueKind]:
    return {due.kind for due in there.due(visit.id) if due.at is not None}


def tap(web: httpx.Client, page: str, act: str, **more: str) -> None:
    assert web.post(page, data={"act": act} | more).status_code == 303


def test_not_on_the_way_after_all(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    watched = running(there, visit)
    assert "Undo" not in read(web.get(page))
    tap(web, page, "depart", minutes="20")
    there.wait(seconds=30)
    assert "Tapped by mistake? Until 13:02 you can undo it. Undo" in read(web.get(page))
    for _ in range(2):  # a second tap changes nothing
        tap(web, page, "undo")
    there.wait(seconds=1)
    back = there.again(visit)
    assert (back.state, back.en_route_at, back.eta) == ("planned", None, None)
    assert there.one(Job).state == there.ticket.state == "assigned"
    assert running(there, visit) == watched, "somebody looks whether they set out"
    assert len(there.notifications(TopicName.VISIT_CHANGED)) == 1
    assert any("A moment ago we told you that Karin Kunz is on the way. That was a wrong tap" in one.text
               or "is on the way. That was a wrong tap" in one.text for one in there.messages)
    assert any("Not set out after all" in line for line in there.timeline(there.ticket.id))
    open_now = there.all(Promise, Promise.state == PromiseState.OPEN)
    assert [one.kind for one in open_now if one.kind is PromiseKind.ETA] == []
    assert PromiseKind.ARRIVAL_WINDOW in {one.kind for one in open_now}
    tap(web, page, "depart", minutes="30")
    assert there.again(visit).eta == there.now + 30 * MINUTE


def test_not_there_after_all(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    tap(web, page, "depart", minutes="20")
    watched = running(there, visit)
    there.wait(minutes=5)
    tap(web, page, "arrive")
    tap(web, page, "undo")
    back = there.again(visit)
    assert (back.state, back.on_site_at) == ("en_route", None)
    assert there.ticket.state == "en_route"
    assert running(there, visit) == watched
    assert "Still on the way" in read(web.get(page))
    assert there.notifications(TopicName.VISIT_CHANGED) == []


def test_here_without_having_set_out_goes_back_to_before(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    watched = running(there, visit)
    tap(web, page, "arrive")
    tap(web, page, "undo")
    assert there.again(visit).state == there.again(visit).state == "planned"
    assert running(there, visit) == watched


def test_after_two_minutes_they_read_what_to_do_instead(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    tap(web, page, "depart", minutes="20")
    there.wait(minutes=2)
    assert "Undo" not in read(web.get(page))
    assert "Say below what is true now" in read(web.post(page, data={"act": "undo"}), 409)
    assert there.again(visit).state == "en_route"


def test_done_is_not_undone_and_the_page_says_whom_to_ring(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    tap(web, page, "arrive")
    tap(web, page, "finish", note="Pump replaced")
    told = read(web.get(page))
    assert "Tapped by mistake? The customer has been told. Ring us, and we open it again. +41 44 668 18 00" in told
    assert "This cannot be undone" in read(web.post(page, data={"act": "undo"}), 409)
    assert there.again(visit).state == "done"


def promised(there: WebStory, *kinds: PromiseKind) -> list[tuple[PromiseKind, PromiseState]]:
    rows = there.all(Promise)
    return sorted((one.kind, one.state) for one in rows if one.kind in (kinds or (PromiseKind.ARRIVAL_WINDOW,)))


def comes_later(there: WebStory, after: int = HOUR) -> Visit:
    """Somebody comes within four hours that begin `after` from now."""
    there.break_down()
    begins, offer = there.now + after, there.one(Offer, Offer.provider_id == "kunz", Offer.state == "pending")
    there.act(AcceptOffer(offer.id, "Karin Kunz", begins, begins + 4 * HOUR), "provider")
    there.wait(seconds=1)
    return there.one(Visit)


def test_here_by_mistake_before_the_window_breaks_no_promise(there: WebStory) -> None:
    visit = comes_later(there)
    there.act(Arrive(visit.id), KARIN)
    assert promised(there) == [(PromiseKind.ARRIVAL_WINDOW, PromiseState.BROKEN)]
    there.wait(seconds=10)
    there.act(TakeBack(visit.id), KARIN)
    assert promised(there) == [(PromiseKind.ARRIVAL_WINDOW, PromiseState.OPEN)], "the same one, and no second"
    there.wait(minutes=70)
    there.act(Depart(visit.id, 20), KARIN)
    there.wait(minutes=20)
    there.act(Arrive(visit.id), KARIN)
    assert promised(there, PromiseKind.ARRIVAL_WINDOW, PromiseKind.ETA) == [
        (PromiseKind.ARRIVAL_WINDOW, PromiseState.KEPT), (PromiseKind.ETA, PromiseState.KEPT)]


def test_here_by_mistake_and_then_too_late_is_broken_once(there: WebStory) -> None:
    visit = comes_later(there, 0)
    there.wait(minutes=10)
    there.act(Depart(visit.id, 20), KARIN)
    there.act(Arrive(visit.id), KARIN)
    there.wait(seconds=11)
    there.act(TakeBack(visit.id), KARIN)
    both = PromiseKind.ARRIVAL_WINDOW, PromiseKind.ETA
    assert promised(there, *both) == [(kind, PromiseState.OPEN) for kind in sorted(both)]
    there.wait(minutes=36)
    assert promised(there, PromiseKind.ETA) == [(PromiseKind.ETA, PromiseState.BROKEN)]
    there.now = visit.window_until + SECOND
    there.wait(seconds=1)
    assert promised(there) == [(PromiseKind.ARRIVAL_WINDOW, PromiseState.BROKEN)]


@pytest.mark.parametrize("tap", ["depart", "arrive", "both"])
def test_the_question_whether_they_shall_come_outlives_a_wrong_tap(there: WebStory, tap: str) -> None:
    visit = comes_later(there, 5 * HOUR)
    works_again(there)
    asked = deadline(there, visit, DueKind.CUSTOMER_ANSWER)
    assert asked is not None
    if tap != "arrive":
        there.act(Depart(visit.id, 20), KARIN)
        there.wait(seconds=15)
    if tap != "depart":
        there.act(Arrive(visit.id), KARIN)
        assert deadline(there, visit, DueKind.CUSTOMER_ANSWER) is None
    there.wait(seconds=15)
    there.act(TakeBack(visit.id), KARIN)
    assert deadline(there, visit, DueKind.CUSTOMER_ANSWER) == asked, "as long as they were told"
    there.act(DropVisit(there.ticket.id), HERSELF)
    assert there.ticket.state == "resolved"


def test_who_has_answered_is_not_asked_again_after_a_wrong_tap(there: WebStory) -> None:
    visit = comes_later(there, 5 * HOUR)
    works_again(there)
    there.act(KeepVisit(there.ticket.id), HERSELF)
    there.act(Arrive(visit.id), KARIN)
    there.wait(seconds=15)
    there.act(TakeBack(visit.id), KARIN)
    assert deadline(there, visit, DueKind.CUSTOMER_ANSWER) is None


def test_who_moves_the_visit_has_said_that_they_want_it(there: WebStory, web: httpx.Client) -> None:
    visit = comes_later(there, 19 * HOUR)
    works_again(there)
    begins = NOON + 22 * HOUR
    there.act(MoveVisit(there.ticket.id, begins, begins + 4 * HOUR), HERSELF)
    assert there.again(visit).window_from == begins
    assert deadline(there, visit, DueKind.CUSTOMER_ANSWER) is None
    assert any("The customer wants the visit all the same" in line for line in there.timeline(there.ticket.id))
    assert "Not needed" not in read(web.get(there.follow(there.ticket)))


def test_after_the_window_nothing_is_promised_again_and_they_hear_by_when(there: WebStory) -> None:
    visit = comes_later(there, 0)
    there.now = visit.window_until
    there.wait(minutes=10)
    there.act(Depart(visit.id, 20), KARIN)
    there.wait(seconds=30)
    since = there.now
    there.act(TakeBack(visit.id), KARIN)
    there.wait(seconds=5)
    assert promised(there) == [(PromiseKind.ARRIVAL_WINDOW, PromiseState.BROKEN)]
    assert told_since(there, since) == [TopicName.VISIT_LATE]
    last = [one for one in there.messages if one.to == "alice@example.com"][-1]
    assert "Nobody is on the way to you yet" in last.text
    assert [one.state for one in there.all(OnCallPage)][-1] is PageState.PAGING, "a dispatcher sees to it again"
    follow_up = deadline(there, visit, DueKind.WINDOW_END)
    assert follow_up is not None
    assert follow_up > there.now
    there.wait(minutes=40)
    assert TopicName.VISIT_MISSED not in told_since(there, since)
    assert len(promised(there)) == 1


@pytest.mark.parametrize("set_out", [False, True])
def test_a_window_that_ended_while_they_were_taken_to_be_there_is_said_to_have_ended(there: WebStory, set_out: bool
                                                                                     ) -> None:
    visit = comes_later(there, 0)
    there.now = visit.window_until - 30 * SECOND
    if set_out:
        there.act(Depart(visit.id), KARIN)
    there.act(Arrive(visit.id), KARIN)
    since = there.now
    there.wait(minutes=1)
    there.act(TakeBack(visit.id), KARIN)
    there.wait(seconds=2)
    assert promised(there) == [(PromiseKind.ARRIVAL_WINDOW, PromiseState.BROKEN)]
    assert told_since(there, since).count(TopicName.VISIT_MISSED) == 1


def test_who_never_heard_that_they_had_set_out_does_not_hear_that_they_have_not(there: WebStory) -> None:
    visit = comes_later(there, 0)
    there.wait(seconds=1)
    since = there.now
    there.act(Depart(visit.id, 20), KARIN)
    there.act(TakeBack(visit.id), KARIN)
    there.wait(seconds=5)
    assert told_since(there, since) == []
    there.act(Depart(visit.id, 20), KARIN)
    there.wait(seconds=20)
    there.act(TakeBack(visit.id), KARIN)
    there.wait(seconds=5)
    assert told_since(there, since) == [TopicName.ON_THE_WAY, TopicName.VISIT_CHANGED]
    there.act(Depart(visit.id, 20), KARIN)  # the third time is not told
    there.act(TakeBack(visit.id), KARIN)
    there.wait(seconds=5)
    assert told_since(there, since) == [TopicName.ON_THE_WAY, TopicName.VISIT_CHANGED]


def test_two_wrong_taps_are_taken_back_one_after_the_other(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    tap(web, page, "depart", minutes="20")
    there.wait(seconds=2)
    tap(web, page, "arrive")
    there.wait(seconds=2)
    form = once(web, page)
    for _ in range(2):  # the same button twice is one tap
        tap(web, page, "undo", **form)
    assert there.again(visit).state == "en_route"
    there.wait(seconds=4)
    tap(web, page, "undo", **once(web, page))
    assert there.again(visit).state == "planned"


def once(web: httpx.Client, page: str) -> dict[str, str]:
    """What a button of the page sends along, so that a second tap is known."""
    fields = hidden_fields(web.get(page))
    return {name: fields[name] for name in ("key", "version")}


def works_again(there: WebStory) -> None:
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    for _ in range(2):
        there.says("alice-pump", **WELL)
        there.wait(minutes=1)


def deadline(there: WebStory, visit: Visit, kind: DueKind) -> int | None:
    return next((due.at for due in there.due(visit.id) if due.kind is kind), None)


def told_since(there: WebStory, since: int) -> list[str]:
    rows = there.all(Notification, Notification.recipient_id == "alice", Notification.state == NotificationState.SENT)
    return [one.topic for one in sorted(rows, key=lambda row: row.created_at) if one.created_at >= since]
