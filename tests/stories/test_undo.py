"""A wrong tap of a technician is taken back within two minutes, and everybody who believed it hears what is true."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import (
    HOUR,
    MINUTE,
    SECOND,
    Due,
    DueKind,
    GoodwillCase,
    Job,
    Notification,
    NotificationState,
    Offer,
    OnCallPage,
    PageState,
    Promise,
    PromiseKind,
    PromiseState,
    Signature,
    SlaClock,
    Survey,
    Ticket,
    Visit,
)
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.tickets.actions import (
    AcceptOffer,
    Arrive,
    Depart,
    DropVisit,
    Finish,
    KeepVisit,
    LeaveSite,
    MoveVisit,
    TakeBack,
)
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


def everything(there: WebStory) -> list[object]:
    """All that others go by: what was promised, asked, sent, and who is watched by when."""
    tables = (Ticket, Job, Visit, Promise, Notification, Offer, Due, SlaClock, Survey, GoodwillCase)
    return [row.model_dump() for table in tables for row in there.all(table)]


ENDINGS = [
    {"note": "Pump replaced", "fix": "Pump replaced", "used": "pump"}, {"outcome": "more_work", "note": "It needs two"},
    {"outcome": "part_missing", "note": "It sticks", "parts": "valve", "part_day": "2026-11-27"},
    {"outcome": "unsafe", "note": "It smells of gas"}, {"outcome": "no_access"}]


def at_the_door(there: WebStory, web: httpx.Client) -> tuple[Visit, str]:
    """They have rung, and waited: any ending may be said."""
    visit, page = coming(there)
    for act in ("arrive", "call"):
        tap(web, page, act)
    there.now += 11 * MINUTE
    there.says("alice-pump", pressure=1.6)  # the fault stays, and the device is not silent
    return visit, page


@pytest.mark.parametrize("ending", ENDINGS)
def test_how_it_ended_is_taken_back_as_if_nobody_had_tapped(there: WebStory, web: httpx.Client, ending: dict[str, str]
                                                            ) -> None:
    visit, page = at_the_door(there, web)
    ticket = there.one(Ticket, Ticket.id == visit.ticket_id)
    before, ends = everything(there), {due.id: due.at for due in there.due(visit.id)}
    tap(web, page, "finish", **ending | {"signed_name": "Alice Keller"})
    there.wait(seconds=90)
    assert "Nobody has heard this yet. Until 13:13 you can undo it; then the customer is told. Undo" in read(
        web.get(page))
    assert there.again(visit).state == there.again(ticket).state == "on_site"
    for _ in range(2):
        tap(web, page, "undo")
    there.wait(minutes=5)
    assert there.all(Signature) == []
    assert "Alice Keller" not in str([row.model_dump() for row in there.all(Visit)])
    assert {due.id: due.at for due in there.due(visit.id) if due.id in ends} == ends
    assert [due.at for due in there.due(visit.id) if due.id not in ends] == [None]
    after = [row for row in everything(there) if "report_counts" not in str(row)]
    assert after == before
    assert any("Not over after all" in line for line in there.timeline(there.ticket.id))
    tap(web, page, "overrun", minutes="30")


@pytest.mark.parametrize("ending", ENDINGS)
def test_it_takes_effect_after_two_minutes_and_the_page_says_whom_to_ring(there: WebStory, web: httpx.Client,
                                                                         ending: dict[str, str]) -> None:
    visit, page = at_the_door(there, web)
    said = len(there.all(Notification))
    tap(web, page, "finish", **ending)
    tap(web, page, "finish", **ending)
    assert len(there.all(Notification)) == said
    assert "Undo that first" in read(web.post(page, data={"act": "finish", "note": "No, this"}), 409)
    assert "Undo that first" in read(web.post(page, data={"act": "overrun", "minutes": "30"}), 409)
    there.wait(minutes=2)
    over = there.again(visit)
    assert (over.state, over.done_at, over.note) == ("done", there.now, ending.get("note", ""))
    assert (over.report, over.reported_at) == (None, None)
    assert len(there.all(Notification)) > said
    told = read(web.get(page))
    assert "It cannot be undone any more, because the customer has been told. Ring us" in told
    assert "+41 44 668 18 00" in told
    assert "cannot be undone any more" in read(web.post(page, data={"act": "undo"}), 409)
    assert there.again(visit).state == "done"


def test_two_minutes_are_over_though_the_clock_has_not_looked_yet(there: WebStory, web: httpx.Client) -> None:
    _, page = at_the_door(there, web)
    tap(web, page, "finish", note="Pump replaced")
    there.now += 2 * MINUTE
    assert "cannot be undone any more" in read(web.post(page, data={"act": "undo"}), 409)
    assert "Undo" not in read(web.get(page))


def test_an_operator_may_want_it_to_take_effect_at_once(there: WebStory, web: httpx.Client) -> None:
    service = there.gw.settings.service.model_copy(update={"undo_seconds": 0})
    there.gw.settings = there.gw.settings.model_copy(update={"service": service})
    visit, page = at_the_door(there, web)
    tap(web, page, "finish", note="Pump replaced")
    assert there.again(visit).state == "done"


def test_who_never_said_that_they_are_there_is_there_and_both_are_taken_back_at_once(there: WebStory, web: httpx.Client
                                                                                    ) -> None:
    visit, page = coming(there)
    tap(web, page, "depart", minutes="20")
    watched = running(there, visit)
    there.wait(minutes=5)
    tap(web, page, "finish", note="Pump replaced")
    assert there.again(visit).on_site_at == there.now
    tap(web, page, "undo")
    back = there.again(visit)
    assert (back.state, back.on_site_at, back.reported_at) == ("en_route", None, None)
    assert running(there, visit) == watched


def test_nobody_is_asked_how_it_goes_who_has_just_said_it(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    tap(web, page, "arrive")
    (overrun,) = [due.at for due in there.due(visit.id) if due.at is not None]
    there.now = overrun - MINUTE
    tap(web, page, "finish", note="Pump replaced")
    there.wait(seconds=90)
    assert there.notifications(TopicName.TECHNICIAN_ASKED) == []
    tap(web, page, "undo")
    there.wait(minutes=1)
    assert len(there.notifications(TopicName.TECHNICIAN_ASKED)) == 1, "they have taken it back: it lasts too long"


def test_an_agent_who_knows_better_does_not_wait(there: WebStory, web: httpx.Client) -> None:
    visit, page = at_the_door(there, web)
    tap(web, page, "finish", outcome="more_work", note="It needs two")
    there.act(Finish(visit.id, "Pump replaced, as Karin says on the phone"), "agent Dora")
    assert there.again(visit).outcome == "complete"
    there.wait(minutes=3)
    over = there.again(visit)
    assert (over.outcome, over.report) == ("complete", None)
    assert there.ticket.state == "resolved"


def test_an_agent_takes_it_back_for_them(there: WebStory, web: httpx.Client) -> None:
    visit, page = at_the_door(there, web)
    tap(web, page, "finish", note="Pump replaced")
    there.act(TakeBack(visit.id), "agent Dora")
    there.wait(minutes=3)
    assert there.again(visit).state == "on_site"


def test_a_phone_that_had_no_network_has_two_minutes_from_when_we_hear_it(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    taps = [{"act": "arrive"}, {"act": "finish", "note": "Pump replaced"}, {"act": "undo"},
            {"act": "finish", "outcome": "more_work", "note": "It needs two"}]
    for number, one in enumerate(taps):
        sent = web.post(page, data=one, headers={"Idempotency-Key": f"in-the-cellar-{number}"})
        assert sent.status_code == 200, sent.text
    there.wait(minutes=2)
    assert (there.again(visit).outcome, there.again(visit).note) == ("incomplete", "It needs two")


def test_who_moves_in_meanwhile_has_signed_nothing(there: WebStory, web: httpx.Client) -> None:
    visit, page = at_the_door(there, web)
    tap(web, page, "finish", note="Pump replaced", signed_name="Alice Keller")
    there.now += MINUTE
    there.act(LeaveSite("alice-home"), "agent Dana")
    there.wait(minutes=1)
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
