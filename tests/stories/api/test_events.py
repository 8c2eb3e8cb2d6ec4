"""What has changed, for a program that keeps a copy: nothing is missed, whatever the order of commits, and waiting
costs neither a thread nor a connection."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.model import SECOND, ChangedRow, Entry, EntryKind, Subject, SubjectKind
from gateway.model.plan import Plan
from gateway.store import Store, apply, changes
from gateway.store.changes import GAP_S, MOST_GAPS, Cursor, Gap, parse_cursor
from gateway.tickets.new_rows import entry
from tests.drivers.web_driver import WebStory, is_problem

pytestmark = pytest.mark.slow


def note(number: int) -> Entry:
    return entry(Subject(SubjectKind.TICKET, f"T-{number}"), 1, EntryKind.OPENED, cause={"en": "broken"}, device="pump")


def write(store: Store, *numbers: int) -> None:
    with store.write() as session:
        apply(session, Plan([note(number) for number in numbers]))


def ask(agent: httpx.Client, after: str, **query: Any) -> tuple[list[dict[str, Any]], str]:
    answer = agent.get("events", params={"after": after, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"], answer.json()["next"]


def test_from_now_on_and_then_whatever_changes(there: WebStory, agent: httpx.Client) -> None:
    there.break_down("bob-pump")
    start = agent.get("events").json()
    assert start["items"] == []
    ticket = there.break_down()
    events, after = ask(agent, start["next"])
    assert {(one["kind"], one["row_id"]) for one in events} >= {("ticket", ticket.id)}
    assert {one["subject_id"] for one in events if one["kind"] == "entry"} == {ticket.id}
    assert not {one["kind"] for one in events} & {"job", "link"}
    assert ask(agent, after)[0] == []


def test_pages_are_followed_to_the_end(there: WebStory, agent: httpx.Client) -> None:
    after, seen = agent.get("events").json()["next"], []
    write(there.gw.store, *range(9))
    for _ in range(5):
        events, after = ask(agent, after, limit=2)
        seen += [one["subject_id"] for one in events]
    assert seen == [f"T-{number}" for number in range(9)]
    assert ask(agent, after)[0] == []


def test_households_and_external_ids_are_in_it(there: WebStory, agent: httpx.Client) -> None:
    after = agent.get("events").json()["next"]
    agent.patch("customers/alice", json={"name": "Alice Keller-Brunner"})
    agent.put("sites/alice-home/external-ids/crm", json={"value": "1"})
    events, after = ask(agent, after)
    assert [(one["kind"], one["row_id"], one["subject_id"]) for one in events if one["kind"] != "entry"] == [
        ("customer", "alice", None), ("external_id", "", "alice-home")]
    agent.delete("sites/alice-home/external-ids/crm")
    assert [one["subject_id"] for one in ask(agent, after)[0]] == ["alice-home"]


def test_of_many_at_once_it_says_that_there_are_many(there: WebStory, agent: httpx.Client) -> None:
    after = agent.get("events").json()["next"]
    write(there.gw.store, *range(60))
    [event], _ = ask(agent, after)
    assert (event["many"], event["kind"], event["row_id"]) == (True, "", "")


def test_a_cursor_from_before_what_is_kept_is_refused_with_what_to_do(there: WebStory, agent: httpx.Client) -> None:
    after = agent.get("events").json()["next"]

    def add_and_forget(*numbers: int) -> None:
        with there.gw.store.write() as session:
            for number in numbers:
                session.add(ChangedRow(id=int(after) + number, transaction=1, kind="entry"))
            session.flush()
            changes.forget_changes(session)

    add_and_forget(1, changes.KEPT)
    assert len(ask(agent, after)[0]) == 2
    add_and_forget(changes.KEPT + 2)
    assert "without `after`" in is_problem(agent.get("events", params={"after": after}), 410)["detail"]
    assert ask(agent, agent.get("events").json()["next"])[0] == []


@pytest.mark.parametrize("after", ["nonsense", "-1", "1~", "1~2", "1~2-3", "1~2-3:x", "9" * 30, "1~9-9:" + "9" * 19,
                                   "1~" + ",".join(["2-3:4"] * (MOST_GAPS + 1)), ""])
def test_what_is_no_cursor_is_refused(agent: httpx.Client, after: str) -> None:
    is_problem(agent.get("events", params={"after": after}), 422)


def test_what_is_committed_out_of_turn_is_told_all_the_same(postgres_url: str) -> None:
    """Here both write at the same time, as only PostgreSQL allows."""
    store = Store(postgres_url)
    with store.read() as session:
        start = changes.cursor_from_here(session, 0)
    slow, done = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with store.write() as session:
            apply(session, Plan([note(1)]))
            slow.set()
            assert done.wait(10)

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert slow.wait(10)
    write(store, 2)
    with store.read() as session:
        first = changes.read_after(session, start, 10, 1000)
        joins_now = changes.cursor_from_here(session, 1000)
    done.set()
    thread.join()
    with store.read() as session:
        second = changes.read_after(session, parse_cursor(str(first.next)), 10, 2000)
        late = changes.read_after(session, joins_now, 10, 2000)
        too_late = changes.read_after(session, first.next, 10, 1000 + int(GAP_S * SECOND))
    store.close()
    assert [row.subject_id for row in first.rows] == ["T-2"]
    assert [row.subject_id for row in second.rows] == ["T-1"] == [row.subject_id for row in late.rows]
    assert second.next.gaps == late.next.gaps == ()
    assert too_late.rows == []


def test_no_more_gaps_than_a_cursor_holds_and_what_lies_behind_comes_later(there: WebStory) -> None:
    with there.gw.store.write() as session:
        start = changes.cursor_from_here(session, 0)
        for number in range(1, 2 * MOST_GAPS + 20):  # every second number is missing
            session.add(ChangedRow(id=start.last + 2 * number, transaction=1, kind="entry", row_id=str(number)))
    with there.gw.store.read() as session:
        first = changes.read_after(session, start, 1000, 0)
        waits = changes.read_after(session, first.next, 1000, 1)
        rest = changes.read_after(session, first.next, 1000, int(GAP_S * SECOND))
        begin = changes.cursor_from_here(session, 0)
    assert [row.row_id for row in first.rows] == [str(number) for number in range(1, MOST_GAPS + 1)]
    assert waits.rows == []
    assert waits.next == first.next
    assert [row.row_id for row in rest.rows][:2] == [str(MOST_GAPS + 1), str(MOST_GAPS + 2)]
    assert len(begin.gaps) == MOST_GAPS
    assert len(str(first.next)) < 2000


def test_a_cursor_is_read_as_it_was_written() -> None:
    for cursor in (Cursor(0), Cursor(7, (Gap(2, 3, 1764362130000),)), Cursor(7, (Gap(2, 2, 5), Gap(4, 6, 8)))):
        assert parse_cursor(str(cursor)) == cursor


def test_who_waits_is_answered_as_soon_as_there_is_news(there: WebStory, agent: httpx.Client) -> None:
    after = agent.get("events").json()["next"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, agent, after, wait=20)
        time.sleep(0.3)
        assert not waiting.done()
        began = time.monotonic()
        write(there.gw.store, 1)
        events, after = waiting.result(5)
    assert [one["subject_id"] for one in events] == ["T-1"]
    assert time.monotonic() - began < 2
    began = time.monotonic()
    assert ask(agent, after, wait=0.5)[0] == []
    assert 0.4 < time.monotonic() - began < 5


def test_many_wait_and_hold_neither_thread_nor_connection(there: WebStory, agent: httpx.Client) -> None:
    after = agent.get("events").json()["next"]
    with ThreadPoolExecutor(60) as pool:
        waiting = [pool.submit(ask, agent, after, wait=15) for _ in range(60)]  # the web has 40 threads
        time.sleep(1)
        assert there.gw.store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert agent.get("tickets").status_code == 200
        write(there.gw.store, 1)
        assert {one["subject_id"] for done in waiting for one in done.result(10)[0]} == {"T-1"}
