"""The change feed: one small line for each row that people look at, read once, whatever the order of commits."""

import threading
from contextlib import suppress

import pytest
from sqlalchemy import delete
from sqlmodel import select

from gateway.config.fleet_file import Fleet, read_fleet
from gateway.config.fleet_rows import Customer
from gateway.flow.housekeeping import forget
from gateway.model import (
    Actor,
    ActorKind,
    Area,
    AreaKind,
    ChangedRow,
    Entry,
    EntryKind,
    Instant,
    Subject,
    SubjectKind,
)
from gateway.model.plan import Plan
from gateway.store import Store, apply, changes
from gateway.store.changes import MOST, ChangeReader
from gateway.store.fleet import save_fleet
from gateway.tickets.new_rows import entry
from tests.drivers.story import Story, begin
from tests.fixtures.sample_fleet import SAMPLE_FLEET


@pytest.fixture
def story(both_stores: Store) -> Story:
    """The town, of whose import the feed no longer knows."""
    story = begin(both_stores)
    with both_stores.write() as session:
        session.connection().execute(delete(ChangedRow))
    return story


def lines(story: Story) -> list[tuple[str, str, str | None, str | None]]:
    return [(row.kind, row.row_id, row.subject_id, row.site_id)
            for row in sorted(story.all(ChangedRow), key=lambda row: row.id or 0)]


def note(number: int, at: Instant = 1) -> Entry:
    """A line about ticket number `number`."""
    return entry(Subject(SubjectKind.TICKET, f"T-{number}"), at, EntryKind.OPENED, who=Actor(ActorKind.GATEWAY),
                 cause={"en": "broken"}, device="pump")


def write(store: Store, *numbers: int) -> None:
    with store.write() as session:
        apply(session, Plan([note(number) for number in numbers]))


def read(reader: ChangeReader, store: Store, now: float = 0.0) -> list[str | None]:
    with store.read() as session:
        return [row.subject_id for row in reader.read(session, now)]


def start(store: Store, now: float = 0.0) -> ChangeReader:
    reader = ChangeReader()
    with store.read() as session:
        reader.start(session, now)
    return reader


def test_a_fault_writes_which_rows_there_are_now_and_where_but_nothing_of_what_they_hold(story: Story) -> None:
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": True})
    ticket = story.ticket
    found = lines(story)
    assert ("ticket", ticket.id, None, ticket.site_id) in found
    assert {kind for kind, *_ in found} == {
        "ticket", "job", "alarm", "offer", "link", "entry", "notification"}
    assert {subject for kind, _, subject, _ in found if kind in ("alarm", "offer", "entry", "notification")} == {
        ticket.id}
    assert len({row.transaction for row in story.all(ChangedRow)}) == 1
    assert set(ChangedRow.model_fields) == {"id", "transaction", "kind", "row_id", "subject_id", "site_id"}


def test_a_changed_row_is_named_with_its_place_though_only_one_column_of_it_was_written(story: Story) -> None:
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": True})
    reader = start(story.gw.store)
    story.accept()
    with story.gw.store.read() as session:
        rows = reader.read(session, 0.0)
    assert ("ticket", story.ticket.id, story.ticket.site_id) in [(row.kind, row.row_id, row.site_id) for row in rows]
    assert changes.touches(rows, frozenset({story.ticket.id}))
    assert not changes.touches(rows, frozenset({"bob-home"}))


def test_telemetry_writes_nothing_to_the_feed(story: Story) -> None:
    story.says("alice-pump", "bob-pump", flow_temp=50.0)
    assert lines(story) == []


def test_a_transaction_that_changes_many_rows_says_only_that(both_stores: Store) -> None:
    write(both_stores, *range(MOST))
    with both_stores.read() as session:
        assert len(session.exec(select(ChangedRow)).all()) == MOST
    reader = start(both_stores)
    with both_stores.write() as session:  # in steps, as the watch does it
        apply(session, Plan([note(1)]))
        apply(session, Plan([note(number) for number in range(MOST)]))
        apply(session, Plan([note(2)]))
    with both_stores.read() as session:
        rows = reader.read(session, 0.0)
    assert [(row.kind, row.subject_id) for row in rows] == [("entry", "T-1"), ("", None)]
    assert len({row.transaction for row in rows}) == 1
    assert changes.touches(rows[1:], frozenset())


def test_a_reader_gets_each_line_once_and_only_what_came_after_its_start(both_stores: Store) -> None:
    write(both_stores, 1)
    reader = start(both_stores)
    assert read(reader, both_stores) == []
    write(both_stores, 2, 3)
    assert read(reader, both_stores) == ["T-2", "T-3"]
    assert read(reader, both_stores) == []


@pytest.mark.slow
def test_what_a_slow_transaction_commits_after_later_ones_is_read_too(postgres_url: str) -> None:
    store, other = Store(postgres_url), Store(postgres_url)
    reader = start(store)
    with other.write() as slow:
        apply(slow, Plan([note(1)]))  # it has its number, and is not committed
        write(store, 2)
        assert read(reader, store) == ["T-2"]
    assert read(reader, store, 5.0) == ["T-1"]
    assert read(reader, store, 5.0) == []
    store.close()
    other.close()


@pytest.mark.slow
def test_a_reader_that_starts_amid_a_slow_transaction_hears_of_it(postgres_url: str) -> None:
    store, other = Store(postgres_url), Store(postgres_url)
    with other.write() as slow:
        apply(slow, Plan([note(1)]))
        write(store, 2)
        reader = start(store)
    assert read(reader, store) == ["T-1"]
    store.close()
    other.close()


@pytest.mark.slow
def test_a_number_that_was_rolled_back_is_asked_for_half_a_minute_and_no_longer(postgres_url: str) -> None:
    store = Store(postgres_url)
    reader = start(store)
    with suppress(ZeroDivisionError), store.write() as session:
        apply(session, Plan([note(1)]))
        raise ZeroDivisionError
    write(store, 2)
    assert read(reader, store) == ["T-2"]
    assert reader.awaited == 1
    assert read(reader, store, 31.0) == []
    assert reader.awaited == 0
    store.close()


def test_whoever_waits_in_this_process_is_called_after_the_commit_and_not_for_nothing(both_stores: Store) -> None:
    seen: list[list[str | None]] = []
    reader, other = start(both_stores), both_stores.with_own_connections(2, 5.0)
    other.on_change.append(lambda: seen.append(read(reader, both_stores)))
    write(both_stores, 1)
    with both_stores.write() as session:
        session.add(Area(id="x", name="X", kind=AreaKind.PLACE))
    assert seen == [["T-1"]]
    other.close()


def test_old_lines_are_forgotten_but_never_the_newest_so_that_numbers_go_on(story: Story) -> None:
    write(story.gw.store, *range(10))
    reader = start(story.gw.store)
    forget(story.gw, story.now)  # it keeps many thousands
    assert len(story.all(ChangedRow)) == 10
    for kept in (3, 1):
        with story.gw.store.write() as session:
            changes.forget_changes(session, kept)
        assert [row.subject_id for row in story.all(ChangedRow)] == ["T-7", "T-8", "T-9"][-kept:]
    write(story.gw.store, 11)
    assert read(reader, story.gw.store) == ["T-11"]


def test_many_writers_and_one_reader_lose_and_double_nothing(both_stores: Store) -> None:
    reader, found = start(both_stores), []

    def write_twenty(first: int) -> None:
        for number in range(20):
            write(both_stores, first + number)

    writers = [threading.Thread(target=write_twenty, args=[first]) for first in (0, 100, 200, 300)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        found += read(reader, both_stores)
    found += read(reader, both_stores)
    assert sorted(found, key=str) == sorted((f"T-{first + n}" for first in (0, 100, 200, 300) for n in range(20)),
                                            key=str)


def test_an_import_says_whom_it_adds_and_changes_and_nothing_of_who_stays_as_they_are(story: Story) -> None:
    import_fleet(story, SAMPLE_FLEET)
    before = len(lines(story))
    import_fleet(story, SAMPLE_FLEET)
    assert lines(story)[before:] == []
    import_fleet(story, SAMPLE_FLEET.replace("name: Alice Keller", "name: Alice Kellermann"))
    assert ("customer", "alice", None, None) in lines(story)[before:]
    assert {row_id for kind, row_id, *_ in lines(story)[before:] if kind == "customer"} == {"alice"}


def test_an_import_of_many_says_only_that(both_stores: Store) -> None:
    with both_stores.write() as session:
        save_fleet(session, Fleet(customers=[Customer(id=f"c-{number}", name="Somebody") for number in range(MOST + 1)],
                                  sites=[], devices=[], providers=[]), 1)
    with both_stores.read() as session:
        assert [(row.kind, row.row_id) for row in session.exec(select(ChangedRow))] == [("", "")]


def import_fleet(story: Story, content: str) -> None:
    with story.gw.store.write() as session:
        save_fleet(session, read_fleet(content, "fleet"), story.now)
