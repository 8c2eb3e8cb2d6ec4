"""A time that was told is kept, corrected in time, cancelled or broken; and by when people hear from us again."""

from itertools import count

import pytest

from gateway.config.settings import Service
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Customer,
    Instant,
    Promise,
    PromiseKind,
    Severity,
    Subject,
    SubjectKind,
    customer,
    from_iso,
    to_iso,
)
from gateway.model.plan import Draft
from gateway.tickets.promises.ledger import (
    ETA_GRACE,
    PromisedTime,
    cancel_promises,
    correct_promises,
    keep_next_word,
    make_promise,
    settle_arrival,
    settle_promises,
    undo_message,
)
from gateway.tickets.promises.promised_times import next_word_at

NOON = from_iso("2026-11-23T12:00:00+01:00")
ALICE, BOB = customer("alice"), customer("bob")
TICKET = Subject(SubjectKind.TICKET, "T-1")
WINDOW, ETA, WORD = PromiseKind.ARRIVAL_WINDOW, PromiseKind.ETA, PromiseKind.NEXT_WORD
SLEEPER = Customer(id="alice", name="Alice", timezone="Europe/Zurich", quiet_from="22:00", quiet_until="07:00")


class Ledger:
    """What one ticket's customers were told."""

    def __init__(self) -> None:
        self.draft, self.rows = Draft(), list[Promise]()
        self._number = count(1)

    def tell(self, kind: PromiseKind, due: Instant, now: Instant = NOON, *, by: str | None = None,
             begins: Instant | None = None, shown: bool = False, to: str = "alice") -> Promise:
        time = PromisedTime(kind, TICKET, customer(to), due, begins)
        return make_promise(time, self.rows, self.draft, lambda _: f"P-{next(self._number)}", now, told_by=by,
                            shown=shown)

    def states(self) -> list[str]:
        return [str(row.state) for row in self.rows]


def test_the_same_time_on_the_page_and_in_a_message_is_one_promise() -> None:
    ledger = Ledger()
    shown = ledger.tell(WINDOW, NOON + 4 * HOUR, begins=NOON, shown=True)
    told = ledger.tell(WINDOW, NOON + 4 * HOUR, NOON + MINUTE, begins=NOON, by="N-1")
    assert shown is told
    assert (told.shown_at, told.notification_id, told.made_at) == (NOON, "N-1", NOON)
    assert ledger.tell(WINDOW, NOON + 4 * HOUR, begins=NOON, by="N-2").notification_id == "N-1"  # a second copy
    assert len(ledger.rows) == 1


def test_another_time_told_before_the_first_lapses_corrects_it_and_after_that_it_was_broken() -> None:
    ledger = Ledger()
    first = ledger.tell(WINDOW, NOON + HOUR, begins=NOON)
    second = ledger.tell(WINDOW, NOON + 3 * HOUR, NOON + HOUR, by="N-2", begins=NOON + 2 * HOUR)
    third = ledger.tell(WINDOW, NOON + 9 * HOUR, NOON + 3 * HOUR + 1, begins=NOON + 8 * HOUR)
    assert ledger.states() == ["corrected", "broken", "open"]
    assert [row.corrects_id for row in ledger.rows] == [None, first.id, second.id]
    assert (first.settled_at, first.settled_by) == (NOON + HOUR, "N-2")
    assert third.settled_at is None


def test_what_one_customer_is_told_leaves_what_another_was_told() -> None:
    ledger = Ledger()
    ledger.tell(WORD, NOON + HOUR)
    ledger.tell(WORD, NOON + 2 * HOUR, to="bob")
    assert ledger.states() == ["open", "open"]
    keep_next_word(ledger.rows, {TICKET.id}, BOB, "N-3", NOON + MINUTE)
    assert ledger.states() == ["open", "kept"]


def test_an_eta_within_the_window_stands_beside_it_and_a_later_one_corrects_the_window() -> None:
    ledger = Ledger()
    ledger.tell(WINDOW, NOON + 2 * HOUR, begins=NOON)
    ledger.tell(ETA, NOON + HOUR)
    assert ledger.states() == ["open", "open"]
    late = ledger.tell(ETA, NOON + 2 * HOUR + MINUTE, NOON + HOUR)
    assert ledger.states() == ["corrected", "corrected", "open"]
    settle_arrival(ledger.rows, late.due_at + ETA_GRACE, early_agreed=False)
    assert ledger.states() == ["corrected", "corrected", "kept"], "an estimate is told as about"


def test_a_new_window_takes_the_place_of_the_estimate_too() -> None:
    ledger = Ledger()
    ledger.tell(WINDOW, NOON + 2 * HOUR, begins=NOON)
    ledger.tell(ETA, NOON + HOUR)
    ledger.tell(WINDOW, NOON + 6 * HOUR, begins=NOON + 4 * HOUR)
    assert ledger.states() == ["corrected", "corrected", "open"]


@pytest.mark.parametrize(("at", "agreed", "state"), [
    (NOON - 1, False, "broken"), (NOON - HOUR, True, "kept"), (NOON, False, "kept"), (NOON + 2 * HOUR, False, "kept"),
    (NOON + 2 * HOUR + 1, False, "broken"), (NOON + 2 * HOUR + 1, True, "broken"),
])
def test_an_arrival_before_its_window_without_a_yes_is_no_better_than_one_after_it(at: Instant, agreed: bool, state: str
                                                                                   ) -> None:
    ledger = Ledger()
    ledger.tell(WINDOW, NOON + 2 * HOUR, NOON - DAY, begins=NOON)
    ledger.tell(WORD, NOON + DAY, NOON - DAY)
    settle_arrival(ledger.rows, at, agreed)
    assert ledger.states() == [state, "open"]


def test_what_is_not_needed_any_more_is_cancelled_in_time_and_broken_after_it() -> None:
    for settle, outcome in ((cancel_promises, "cancelled"), (correct_promises, "corrected"), (settle_promises, "kept")):
        for late in (0, 1):
            ledger = Ledger()
            row = ledger.tell(WINDOW, NOON + HOUR, begins=NOON)
            settle(ledger.rows, row.due_at + late)
            settle(ledger.rows, row.due_at + DAY)  # what has ended stays
            assert ledger.states() == ["broken" if late else outcome]


def test_a_message_that_did_not_go_out_has_told_nothing_and_kept_nothing() -> None:
    ledger = Ledger()
    word = ledger.tell(WORD, NOON + HOUR, by="N-1")
    keep_next_word(ledger.rows, {TICKET.id}, ALICE, "N-2", NOON + MINUTE)
    told = ledger.tell(WORD, NOON + 2 * HOUR, NOON + MINUTE, by="N-2")
    shown = ledger.tell(WINDOW, NOON + 3 * HOUR, shown=True, begins=NOON)
    ledger.tell(WINDOW, NOON + 3 * HOUR, by="N-2", begins=NOON)
    assert undo_message(ledger.rows, "N-2", NOON + 2 * MINUTE) == [told]
    assert (word.state, word.settled_at, word.settled_by) == ("open", None, None)
    assert (shown.state, shown.notification_id) == ("open", None), "the page shows it all the same"


def test_what_was_corrected_since_by_another_message_stays_corrected() -> None:
    ledger = Ledger()
    first = ledger.tell(WORD, NOON + HOUR, by="N-1")
    keep_next_word(ledger.rows, {TICKET.id}, ALICE, "N-2", NOON + MINUTE)
    ledger.tell(WORD, NOON + 2 * HOUR, NOON + MINUTE, by="N-3")
    assert undo_message(ledger.rows, "N-2", NOON + 2 * MINUTE) == []
    assert first.state == "kept"


def test_a_second_copy_of_what_promised_a_word_is_not_that_word() -> None:
    ledger = Ledger()
    ledger.tell(WORD, NOON + HOUR, by="N-1")
    keep_next_word(ledger.rows, {TICKET.id}, ALICE, "N-1", NOON + MINUTE)
    assert ledger.states() == ["open"]


@pytest.mark.parametrize(("severity", "said", "now", "by"), [
    (Severity.CRITICAL, 0, "2026-11-23T14:38:20+01:00", "15:10"),
    (Severity.MAJOR, 0, "2026-11-23T14:38:20+01:00", "15:40"),
    (Severity.MAJOR, 2, "2026-11-23T09:00:00+01:00", "13:00"),
    (Severity.MAJOR, 0, "2026-11-23T20:55:00+01:00", "21:55"),
    (Severity.MAJOR, 0, "2026-11-23T21:10:00+01:00", "08:00"),  # nobody is woken to read that there is no news
    (Severity.MINOR, 0, "2026-11-24T06:59:00+01:00", "11:00"),
    (Severity.CRITICAL, 0, "2026-11-23T23:00:00+01:00", "23:30"),
    (Severity.MAJOR, 0, "2026-11-23T05:58:00+01:00", "08:00"),  # 07:00: it would have to be written in the night
])
def test_the_next_word_comes_when_the_severity_says_and_not_at_night(severity: Severity, said: int, now: str, by: str
                                                                     ) -> None:
    at = next_word_at(severity, said, SLEEPER, Service(), from_iso(now))
    assert by in to_iso(at + HOUR)
    assert at > from_iso(now)


def test_the_longer_there_is_no_news_the_rarer_it_is_said() -> None:
    waits = [next_word_at(Severity.CRITICAL, said, None, Service(), NOON) - NOON for said in range(8)]
    assert waits == [MINUTE * minutes for minutes in (30, 60, 120, 240, 480, 480, 480, 480)]
    assert next_word_at(Severity.WARNING, 7, None, Service(), NOON) == NOON + DAY
