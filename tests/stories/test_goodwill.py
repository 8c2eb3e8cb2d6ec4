"""What customers are credited for a long outage or a broken promise: once, unasked, and above a cap with a yes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from sqlmodel import Session

from gateway.config.settings import Goodwill as Rules
from gateway.explain import explain
from gateway.flow.after.goodwill import (
    _over,
    _weigh,
    approve_goodwill,
    decline_goodwill,
    give_gesture,
    pay_goodwill,
    try_goodwill,
)
from gateway.flow.deliver import deliver
from gateway.flow.gateway import Gateway
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Audit,
    Goodwill,
    GoodwillCase,
    Notification,
    OutageMember,
    Promise,
    PromiseKind,
    customer,
)
from gateway.model.plan import Refused
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.store.views.explain import ticket_facts
from gateway.tickets.actions import CancelTicket, LeaveSite, MoveIn
from tests.drivers.story import HOURLY, Story, begin
from tests.drivers.timelines import actor
from tests.fixtures.on_call_team import TEAM
from tests.fixtures.outage_fleet import LEFT, OutageStory, begin_outage_story

pytestmark = pytest.mark.slow
TOLD, ASKED = TopicName.GOODWILL, TopicName.GOODWILL_WAITS
LIVE: dict[str, Any] = {"live_from": date(2026, 11, 1), "rules": [
    {"outage_hours": 0.25, "credit": 5}, {"outage_hours": 0.5, "credit": "7.50"},
    {"promise_broken": ["arrival_window", "callback_by"], "credit": 10}]}
DANA = actor("agent Dana")


def with_rules(story: Any, **rules: Any) -> None:
    settings = story.gw.settings
    story.gw.settings = settings.model_copy(update={"goodwill": Rules.model_validate(rules), "on_call": TEAM})


def weigh(story: Story) -> int:
    """The clock looks at what is over, and messages go out."""
    looked = pay_goodwill(story.gw, story.now)
    while deliver(story.gw, story.now):
        pass
    return looked


def credited(story: Story) -> dict[str, tuple[str, int]]:
    """Site → (state, cents of all rows)."""
    rows = sorted(story.all(Goodwill), key=lambda row: row.created_at)
    return {row.site_id: (str(row.state), sum(one.cents for one in rows if one.site_id == row.site_id)) for row in rows}


def goes_dark(quarter: OutageStory) -> None:
    """All five for 20 minutes, but a4 for longer; the outage is over and closed while a4 is still dark."""
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=20)
    quarter.back("a0", "a1", "a2", "a3")
    quarter.live(minutes=40)
    assert quarter.outage.state == "closed"


@pytest.fixture
def quarter(both_stores: Store) -> OutageStory:
    return begin_outage_story(both_stores)


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, HOURLY)


def nobody_comes(story: Story) -> None:
    """The arrival window is over, nobody was there, and Alice calls it off."""
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.accept()
    story.wait(minutes=250)
    assert story.one(Promise, Promise.kind == PromiseKind.ARRIVAL_WINDOW).state == "broken"


def test_who_moves_into_a_dark_home_is_credited_for_their_own_time_only(both_stores: Store) -> None:
    quarter = begin_outage_story(both_stores)
    with_rules(quarter, **LIVE)
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=20)
    quarter.act(MoveIn("a0", "b0"))
    quarter.live(minutes=1)
    quarter.back(*LEFT)
    quarter.live(minutes=40)
    weigh(quarter)
    credited = {row.site_id: row.customer_id for row in quarter.all(Goodwill)}
    assert "a0" not in credited
    assert set(LEFT) - {"a0"} == set(credited)


def test_each_home_is_credited_for_the_time_that_it_was_dark_itself(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE)
    goes_dark(quarter)
    assert weigh(quarter) == 1
    assert credited(quarter) == dict.fromkeys(("a0", "a1", "a2", "a3"), ("given", 500))
    assert quarter.told_to("a0@example.com")[-1].startswith("We are crediting you €5.00")
    assert not [said for said in quarter.told_to("a4@example.com") if "crediting" in said], "it is still dark"
    assert not [said for said in quarter.told_to("b0@example.com") if "crediting" in said], "it never was"
    quarter.back("a4")
    quarter.live(minutes=2)
    assert weigh(quarter) == 1
    assert credited(quarter)["a4"] == ("given", 750), "an hour: the larger credit, in place of the smaller"
    member = quarter.one(OutageMember, OutageMember.site_id == "a4")
    assert quarter.one(Goodwill, Goodwill.site_id == "a4").dark_ms == (member.back_at or 0) - member.died_at


def test_a_letter_says_what_happened_and_that_they_need_do_nothing(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE)
    goes_dark(quarter)
    weigh(quarter)
    [letter] = [one.text for one in quarter.messages if one.to == "a0@example.com" and "crediting" in one.subject]
    assert "Your home was without power for 21 min in the power cut" in letter
    assert "You need not do anything" in letter
    assert "/f/" in letter


def test_whatever_is_done_again_nobody_is_credited_twice(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE)
    goes_dark(quarter)
    weigh(quarter)
    before = quarter.all(Goodwill), len(quarter.messages)
    gw = quarter.gw
    quarter.gw = Gateway(gw.settings, gw.store, gw.profiles, gw.channels)  # killed, and started again
    assert weigh(quarter) == 0
    with_rules(quarter, **LIVE | {"rules": [{"outage_hours": 0.25, "credit": 50}]})
    assert weigh(quarter) == 0, "what was told stays as it is, whatever the rules become"
    assert (quarter.all(Goodwill), len(quarter.messages)) == before


def test_a_second_gateway_that_weighs_the_same_outage_finds_it_done(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE)
    goes_dark(quarter)
    with quarter.gw.store.read() as session:
        [over] = _over(session, quarter.gw.settings.goodwill, 0, 10)
    _weigh(quarter.gw, over, quarter.now)
    _weigh(quarter.gw, over, quarter.now)
    assert len(quarter.all(Goodwill)) == 4
    assert len(quarter.notifications(TOLD)) == 4


class KilledError(Exception):
    """In place of kill -9."""


class DyingStore(Store):
    """Everything is written, and nothing is committed."""

    @contextmanager
    def write(self) -> Iterator[Session]:
        with super().write() as session:
            yield session
            raise KilledError


def test_two_gateways_that_look_at_the_same_moment_credit_everybody_once(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE)
    goes_dark(quarter)
    at_once = threading.Barrier(4)

    def look() -> None:
        at_once.wait()
        pay_goodwill(quarter.gw, quarter.now)

    workers = [threading.Thread(target=look) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(row.site_id for row in quarter.all(Goodwill)) == ["a0", "a1", "a2", "a3"]
    assert len(quarter.notifications(TOLD)) == 4


def test_a_gateway_that_dies_before_it_has_written_down_a_case_leaves_it_whole_to_the_next(quarter: OutageStory
                                                                                         ) -> None:
    with_rules(quarter, **LIVE)
    goes_dark(quarter)
    gw = quarter.gw
    dying = DyingStore(gw.store._url)
    with pytest.raises(KilledError):
        pay_goodwill(Gateway(gw.settings, dying, gw.profiles, gw.channels), quarter.now)
    dying.close()
    assert not quarter.all(Goodwill)
    assert not quarter.notifications(TOLD)
    weigh(quarter)
    assert len(quarter.all(Goodwill)) == len(quarter.notifications(TOLD)) == 4


def test_a_dry_run_says_what_would_be_credited_and_nobody_hears_of_it(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE | {"live_from": None})
    goes_dark(quarter)
    heard = len(quarter.messages)
    assert weigh(quarter) == 0
    with quarter.gw.store.read() as session:
        [trial] = try_goodwill(session, quarter.gw.settings.goodwill, 0)
    assert (trial.cents, len(trial.credits), trial.facts.homes_out) == (2000, 4, 1)
    assert not quarter.all(Goodwill)
    assert not quarter.all(GoodwillCase)
    assert len(quarter.messages) == heard


def test_what_was_over_before_it_went_live_is_left_alone(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE | {"live_from": date(2026, 11, 24)})
    goes_dark(quarter)
    assert weigh(quarter) == 0


def test_above_the_cap_one_person_after_the_other_is_asked_and_nobody_is_told(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE, cap=15, approvers=["dana", "max"], approve_hours=8)
    goes_dark(quarter)
    weigh(quarter)
    assert set(credited(quarter).values()) == {("proposed", 500)}
    assert not quarter.notifications(TOLD)
    case = quarter.one(GoodwillCase)
    assert (case.state, case.cents, case.homes, case.next_at) == ("waiting", 2000, 4, quarter.now + 8 * HOUR)
    for _ in range(4):
        quarter.now += 8 * HOUR
        weigh(quarter)
    asked = sorted(quarter.notifications(ASKED), key=lambda row: row.created_at)
    assert [(row.recipient_kind, row.recipient_id) for row in asked] == [
        ("on_call", "dana"), ("on_call", "max"), ("dispatcher", ""), ("dispatcher", ""), ("dispatcher", "")]
    assert quarter.one(GoodwillCase).next_at == quarter.now + 8 * HOUR, "it waits for ever, and is never forgotten"


def test_who_approves_it_credits_everybody_affected_at_once(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE, cap=15)
    goes_dark(quarter)
    weigh(quarter)
    approve_goodwill(quarter.gw, quarter.outage.id, DANA, quarter.now)
    approve_goodwill(quarter.gw, quarter.outage.id, DANA, quarter.now)
    weigh(quarter)
    assert set(credited(quarter).values()) == {("given", 500)}
    assert len(quarter.notifications(TOLD)) == 4
    case = quarter.one(GoodwillCase)
    assert (case.state, case.decided_by, case.next_at) == ("approved", "agent Dana", None)
    [line] = quarter.all(Audit, Audit.action == "approve_goodwill")
    assert (line.object_id, line.before["state"], line.after["state"]) == (case.id, "waiting", "approved")
    quarter.back("a4")
    quarter.live(minutes=2)
    weigh(quarter)
    assert credited(quarter)["a4"] == ("given", 750), "the same for everybody affected"


def test_who_declines_it_says_why_and_nobody_hears_of_it(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE, cap=15)
    goes_dark(quarter)
    weigh(quarter)
    key = quarter.outage.id
    with pytest.raises(Refused):
        decline_goodwill(quarter.gw, key, " ", DANA, quarter.now)
    decline_goodwill(quarter.gw, key, "Storm damage: the insurer pays", DANA, quarter.now)
    with pytest.raises(Refused):
        approve_goodwill(quarter.gw, key, DANA, quarter.now)
    quarter.back("a4")
    quarter.live(minutes=2)
    weigh(quarter)
    assert {state for state, _ in credited(quarter).values()} == {"refused"}
    assert not quarter.notifications(TOLD)
    assert (quarter.one(GoodwillCase).cents, quarter.one(GoodwillCase).next_at) == (0, None)


def test_a_home_that_is_back_while_somebody_is_asked_waits_with_the_others(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE, cap=15)
    goes_dark(quarter)
    weigh(quarter)
    quarter.back("a4")
    quarter.live(minutes=2)
    weigh(quarter)
    assert credited(quarter)["a4"] == ("proposed", 750)
    approve_goodwill(quarter.gw, quarter.outage.id, DANA, quarter.now)
    assert credited(quarter)["a4"] == ("given", 750)


def test_power_that_comes_and_goes_counts_together(quarter: OutageStory) -> None:
    with_rules(quarter, **LIVE)
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=10)
    quarter.back(*LEFT)
    quarter.live(minutes=5)
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=10)
    quarter.back(*LEFT)
    quarter.live(minutes=40)
    assert quarter.outage.state == "closed"
    weigh(quarter)
    assert credited(quarter) == dict.fromkeys(LEFT, ("given", 500)), "twice ten minutes are more than a quarter of one"


def test_who_waited_in_vain_is_credited_once_their_ticket_is_over(story: Story) -> None:
    with_rules(story, **LIVE)
    nobody_comes(story)
    assert weigh(story) == 0, "it is not over"
    story.act(CancelTicket(story.ticket.id, "Alice has had it repaired herself"))
    assert weigh(story) == 1
    [credit] = story.all(Goodwill)
    assert (credit.customer_id, credit.cents, credit.promise, credit.shown_as) == (
        "alice", 1000, "arrival_window", story.ticket.id)
    assert weigh(story) == 0
    assert story.heard(customer("alice")).count(TOLD) == 1


def test_who_has_moved_out_meanwhile_is_credited_and_the_next_household_hears_nothing(story: Story) -> None:
    with_rules(story, **LIVE)
    nobody_comes(story)
    site = story.ticket.site_id
    story.act(CancelTicket(story.ticket.id, "called off"))
    story.act(LeaveSite(site))
    weigh(story)
    assert story.one(Goodwill).customer_id == "alice"
    assert [row.state for row in story.notifications(TOLD)] == ["dropped"]


GESTURES: dict[str, Any] = {"gestures": {"most": 10, "agent_day": 15, "household_month": 12}}


def test_an_agent_gives_a_gesture_and_the_household_hears_of_it(story: Story) -> None:
    with_rules(story, **GESTURES)
    first = give_gesture(story.gw, "alice-home", 800, "Rang four times", DANA, story.now)
    assert give_gesture(story.gw, "alice-home", 800, "Rang four times", DANA, story.now) == first, "the same tap twice"
    weigh(story)
    [row] = story.all(Goodwill)
    assert (row.kind, row.state, row.cents, row.given_by, row.reason) == (
        "gesture", "given", 800, "agent Dana", "Rang four times")
    assert story.told_to("alice@example.com")[-1].startswith("We are crediting you €8.00")
    assert [line.action for line in story.all(Audit)] == ["give_gesture"]


def test_an_agent_gives_no_more_than_the_limits_allow(story: Story) -> None:
    with_rules(story, **GESTURES)

    def give(site: str, cents: int, who: str = "agent Dana") -> str:
        return give_gesture(story.gw, site, cents, f"{cents} to {site}", actor(who), story.now)

    for cents in (0, -1, 1001):
        with pytest.raises(Refused):
            give("alice-home", cents)
    give("alice-home", 1000)
    with pytest.raises(Refused, match=r"2\.00 EUR"):
        give("alice-home", 300, "agent Max")
    give("alice-home", 200, "agent Max")
    with pytest.raises(Refused, match=r"5\.00 EUR"):
        give("bob-home", 600)
    story.now += DAY + MINUTE
    give("bob-home", 600)
    with pytest.raises(Refused, match=r"0\.00 EUR"):
        give("alice-home", 100)
    story.now += 30 * DAY
    give("alice-home", 100)


def test_without_limits_nobody_may_give_anything(story: Story) -> None:
    with pytest.raises(Refused):
        give_gesture(story.gw, "alice-home", 1, "why not", DANA, story.now)
    assert not story.all(Notification)


def why(story: Story) -> list[str]:
    """What `explain` says of the ticket's goodwill."""
    with story.gw.store.read() as session:
        facts = ticket_facts(session, story.ticket.id)
    assert facts is not None
    return [line.text for line in explain(facts, None, catalogue_for("en"), story.now).lines if line.part == "credit"]


def test_explain_says_by_which_rule_and_what_it_was_for(story: Story) -> None:
    with_rules(story, **LIVE)
    nobody_comes(story)
    [line] = why(story)
    assert line.startswith("Nothing was credited: it was not weighed")
    story.act(CancelTicket(story.ticket.id, "called off"))
    weigh(story)
    [line] = why(story)
    assert line.startswith("€10.00 credited on Mon 23 Nov ")
    assert line.endswith("we did not keep the time that we had promised for an arrival (rule: broken promise of an "
                         "arrival or a call)")


def test_explain_says_what_waits_for_a_person_and_what_they_declined(story: Story) -> None:
    with_rules(story, **LIVE, cap=1, approvers=["max"])
    nobody_comes(story)
    story.act(CancelTicket(story.ticket.id, "called off"))
    weigh(story)
    assert "not given yet, because all of it is above the cap" in why(story)[0]
    decline_goodwill(story.gw, story.one(GoodwillCase).id, "Paid already", DANA, story.now)
    assert "declined by agent Dana on " in why(story)[0]
    assert "(Paid already)" in why(story)[0]
