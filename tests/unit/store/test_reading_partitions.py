"""Readings on PostgreSQL lie in partitions by time: nothing is lost or doubled, and old ones go with their table."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import SQLModel, col, func, select

from gateway.detection import BEHIND
from gateway.model import DAY, HOUR, MINUTE, Instant, Reading
from gateway.store import Conflict, Store, retention
from gateway.store.devices.device_states import add_readings
from gateway.store.migrations import try_out, upgrade
from gateway.store.readings import partitions
from gateway.store.readings.partitions import AHEAD, Range, missing
from tests.fixtures.servers import wait_until

NOON = 20_000 * DAY + 12 * HOUR
ONLY_IN = text("SELECT tableoid::regclass::text, at FROM reading ORDER BY at")
prepare = partial(partitions.prepare, may_hold_ms=20_000)  # a busy machine may take long for a little
drop_old = partial(partitions.drop_old, may_hold_ms=20_000)
RANGES = st.lists(st.integers(-60, 20), unique=True).map(
    lambda days: [Range((20_000 + day) * DAY, (20_001 + day) * DAY) for day in days])


def reading(at: Instant, number: int = 1, received: Instant | None = None) -> tuple[str, Instant, int, Instant, str]:
    return "pump", at, number, at if received is None else received, '{"t": 20}'


def add(store: Store, *readings: tuple[str, Instant, int, Instant, str]) -> None:
    with store.write() as session:
        add_readings(session, readings)


def kept(store: Store) -> list[Instant]:
    with store.read() as session:
        return list(session.exec(select(Reading.at).order_by(col(Reading.at), col(Reading.seq))))


def places(store: Store) -> list[str]:
    """In which table each reading lies, by its time."""
    with store.read() as session:
        return [name for name, _ in session.connection().execute(ONLY_IN)]


def ranges(store: Store) -> list[Range]:
    with store.read() as session:
        return sorted(one for _, one in partitions._partitions(session.connection()))


def forget(store: Store, before: Instant) -> None:
    drop_old(store, before)
    with store.write() as session:
        retention.delete_old_messages(session, before)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Store]:
    store = Store(postgres_url)
    yield store
    store.close()


@given(there=RANGES, days=st.integers(1, 400), at=st.integers(0, DAY - 1))
def test_every_time_that_a_reading_can_have_gets_one_partition(there: list[Range], days: int, at: int) -> None:
    now = 20_000 * DAY + at
    found = missing(there, now, days)
    whole = sorted([*found, *there])
    assert all(one.end <= other.start for one, other in pairwise(whole))
    for moment in (now, now - min(days * DAY, BEHIND), now - MINUTE, now + AHEAD - 1):
        assert any(one.start <= moment < one.end for one in whole)
    assert all(one.start % DAY == one.end % DAY == 0 and one.end > now - days * DAY for one in found)
    assert missing(whole, now, days) == []
    assert len(whole) - len(there) <= 40


def test_todays_partition_is_made_before_those_of_the_past() -> None:
    first, *others = missing([], NOON, 30)
    assert first.start <= NOON < first.end
    assert others[-1].end <= NOON
    assert missing([], NOON, 400)[0].end - missing([], NOON, 400)[0].start <= 13 * DAY


def test_old_readings_go_and_new_ones_stay_on_any_database(both_stores: Store) -> None:
    prepare(both_stores, NOON - 31 * DAY, 30)
    add(both_stores, *(reading(NOON - days * DAY) for days in (33, 31, 29, 1, 0)))
    prepare(both_stores, NOON, 30)
    forget(both_stores, NOON - 30 * DAY)
    assert kept(both_stores) == [NOON - 29 * DAY, NOON - DAY, NOON]
    forget(both_stores, NOON + 2 * DAY)
    assert kept(both_stores) == []


@pytest.mark.slow
class TestOnPostgresql:
    def test_a_reading_lies_with_those_of_its_day_and_a_second_start_creates_nothing(self, postgres: Store) -> None:
        assert prepare(postgres, NOON, 30) is None
        there = ranges(postgres)
        assert len(there) == 30 + 1 + 7
        add(postgres, reading(NOON), reading(NOON - DAY), reading(NOON - 300 * DAY), reading(NOON))
        assert [name[-10:] for name in places(postgres)] == ["ng_default", "2024_10_03", "2024_10_04"]
        assert prepare(postgres, NOON + MINUTE, 30) is None
        assert ranges(postgres) == there

    def test_a_reading_that_comes_again_is_kept_once_and_numbers_grow(self, postgres: Store) -> None:
        for _ in range(2):
            add(postgres, reading(NOON), reading(NOON, 2), reading(NOON - 300 * DAY))
            prepare(postgres, NOON, 30)
        assert len(kept(postgres)) == 3
        prepare(postgres, NOON + DAY, 30)
        add(postgres, reading(NOON + DAY))
        with postgres.read() as session:
            numbers = list(session.exec(select(Reading.id).order_by(col(Reading.received_at), col(Reading.id))))
        assert len(set(numbers)) == 4
        assert numbers[-1] == max(number for number in numbers if number is not None)

    def test_without_partitions_readings_are_stored_found_and_forgotten_as_well(self, postgres: Store) -> None:
        add(postgres, *(reading(NOON - days * DAY) for days in (40, 35, 1)))
        assert set(places(postgres)) == {"reading_default"}
        forget(postgres, NOON - 30 * DAY)
        assert kept(postgres) == [NOON - DAY]

    def test_what_came_later_than_readings_are_kept_stays_as_long_from_its_receipt(self, postgres: Store) -> None:
        prepare(postgres, NOON, 2)
        add(postgres, reading(NOON - 20 * DAY, received=NOON))
        forget(postgres, NOON - 2 * DAY)
        assert kept(postgres) == [NOON - 20 * DAY]
        forget(postgres, NOON + 1)
        assert kept(postgres) == []

    def test_readings_from_when_our_clock_was_ahead_move_into_their_partition_when_its_day_comes_near(
            self, postgres: Store) -> None:
        prepare(postgres, NOON, 30)
        add(postgres, *(reading(NOON + 100 * DAY, number) for number in range(3)))
        assert places(postgres) == ["reading_default"] * 3
        assert prepare(postgres, NOON + 95 * DAY, 30) is None
        add(postgres, reading(NOON + 100 * DAY, 2), reading(NOON + 100 * DAY, 3))
        assert places(postgres) == ["reading_2025_01_12"] * 4

    def test_a_day_that_lies_in_the_default_partition_stays_there(self, postgres: Store) -> None:
        add(postgres, reading(NOON))
        assert prepare(postgres, NOON, 30) is None
        add(postgres, reading(NOON, 2))
        assert places(postgres) == ["reading_default"] * 2
        assert not any(one.start <= NOON < one.end for one in ranges(postgres))

    def test_somebody_who_reads_for_long_puts_off_the_drop_and_holds_nobody_up(self, postgres: Store) -> None:
        prepare(postgres, NOON - 40 * DAY, 30)
        add(postgres, reading(NOON - 40 * DAY))
        with postgres.engine.connect() as backup:
            backup.exec_driver_sql("LOCK TABLE reading IN ACCESS SHARE MODE")
            began = time.monotonic()
            assert partitions.drop_old(postgres, NOON - 30 * DAY) == 0
            assert time.monotonic() - began < 5  # a busy machine; it gives up after a tenth of a second
            add(postgres, reading(NOON))
            assert len(kept(postgres)) == 2
        assert drop_old(postgres, NOON - 30 * DAY) > 0
        assert kept(postgres) == [NOON]

    def test_somebody_who_writes_to_the_default_partition_puts_off_the_creation(self, postgres: Store) -> None:
        with postgres.engine.connect() as other:
            other.exec_driver_sql("LOCK TABLE reading_default IN ROW EXCLUSIVE MODE")
            assert partitions.prepare(postgres, NOON, 30) == partitions.PUT_OFF
            assert ranges(postgres) == []
        prepare(postgres, NOON, 30)
        assert len(ranges(postgres)) == 38
        with postgres.engine.connect() as other:
            other.exec_driver_sql("LOCK TABLE reading_default IN ROW EXCLUSIVE MODE")
            assert partitions.prepare(postgres, NOON + 3 * DAY, 30) is None  # there is time

    def test_a_reading_whose_partition_is_created_while_it_is_on_its_way_is_written_again(
            self, postgres: Store) -> None:
        """Its statement knows the partitions that were there when it began: its batch is decided again."""
        holder = postgres.engine.connect()
        holder.exec_driver_sql("SELECT pg_advisory_lock(1)")
        refused: list[BaseException] = []

        def write() -> None:
            try:
                with postgres.write() as session:
                    session.execute(text(
                        "INSERT INTO reading (device_id, at, seq, received_at, signals) "
                        f"SELECT 'pump', {NOON}, 1, {NOON}, '{{}}' FROM (SELECT pg_advisory_xact_lock(1)) AS waits"))
            except Conflict as conflict:
                refused.append(conflict)

        writer = threading.Thread(target=write)
        writer.start()
        waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        wait_until(lambda: holder.scalar(waits) == 1, what="the writer to wait")
        prepare(postgres, NOON, 30)
        holder.exec_driver_sql("SELECT pg_advisory_unlock(1)")
        writer.join(10)
        holder.close()
        assert len(refused) == 1
        add(postgres, reading(NOON))
        assert places(postgres) == ["reading_2024_10_04"]

    def test_a_user_who_may_not_create_tables_stores_everything_and_is_told(self, postgres: Store) -> None:
        assert try_out(postgres) == "it can be written"
        user = "reads_and_writes"
        with postgres.engine.begin() as owner:
            owner.exec_driver_sql(f"CREATE ROLE {user} LOGIN")
            owner.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            owner.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}")
            owner.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}")
        limited = Store(postgres.engine.url.set(username=user).render_as_string(hide_password=False))
        try:
            assert try_out(limited) == f"it can be written; {partitions.NO_RIGHT}"
            assert prepare(limited, NOON, 30) == partitions.NO_RIGHT
            add(limited, reading(NOON), reading(NOON - 31 * DAY))
            forget(limited, NOON - 30 * DAY)
            assert kept(limited) == [NOON]
            prepare(postgres, NOON - 40 * DAY, 30)
            assert drop_old(limited, NOON - 30 * DAY) == 0
        finally:
            limited.close()
            with postgres.engine.begin() as owner:
                owner.exec_driver_sql(f"DROP OWNED BY {user}")
                owner.exec_driver_sql(f"DROP ROLE {user}")

    def test_a_table_that_was_filled_before_keeps_its_readings(self, empty_postgres_url: str) -> None:
        store = Store(empty_postgres_url)
        SQLModel.metadata.create_all(store.engine)
        add(store, reading(NOON), reading(NOON - 40 * DAY))
        assert prepare(store, NOON, 30) is None
        assert drop_old(store, NOON - 30 * DAY) == 0
        with store.engine.begin() as connection:
            partitions.split_by_time(connection)
            partitions.split_by_time(connection)
        add(store, reading(NOON), reading(NOON, 2))
        assert kept(store) == [NOON - 40 * DAY, NOON, NOON]
        store.close()

    def test_all_tables_go_and_come_again(self, postgres: Store) -> None:
        prepare(postgres, NOON, 30)
        add(postgres, reading(NOON))
        SQLModel.metadata.drop_all(postgres.engine)
        with postgres.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
        upgrade(postgres)
        prepare(postgres, NOON, 30)
        add(postgres, reading(NOON))
        assert places(postgres) == ["reading_2024_10_04"]


DAYS = range(12)  # of the race; each of its gateways lives through all of them
KEPT = 3


def _keep_house(url: str, ready: Any, results: Any) -> None:
    store = Store(url)
    ready.wait()
    for day in DAYS:
        prepare(store, NOON + day * DAY, KEPT)
        drop_old(store, NOON + day * DAY - KEPT * DAY)
    results.put("housekeeper")
    store.close()


def _ingest(url: str, ready: Any, results: Any) -> None:
    """Stores 100 readings of each day of all, in an order of its own, each twice."""
    store = Store(url)
    ready.wait()
    for number in range(100):
        day_by_day = [reading(NOON + day * DAY + number, number) for day in DAYS]
        for _ in range(2):
            for _ in range(100):
                try:
                    add(store, *day_by_day)
                    break
                except Conflict:
                    continue
            else:
                raise AssertionError("nothing but conflicts")
    results.put("ingest")
    store.close()


def together(works: Sequence[Callable[[str, Any, Any], None]], url: str) -> None:
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(len(works)), context.Queue()
    processes = [context.Process(target=work, args=(url, ready, results)) for work in works]
    for process in processes:
        process.start()
    for _ in processes:
        results.get(timeout=120)
    for process in processes:
        process.join(10)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_two_that_keep_house_while_two_store_readings_lose_and_double_nothing(postgres_url: str) -> None:
    together([_keep_house, _keep_house, _ingest, _ingest], postgres_url)
    store = Store(postgres_url)
    still = [reading(NOON + day * DAY + number, number)[1:3] for day in DAYS for number in range(100)]
    oldest = (NOON + (DAYS[-1] - KEPT) * DAY) // DAY * DAY
    with store.read() as session:
        found = session.exec(select(Reading.at, Reading.seq).where(Reading.at >= oldest)
                             .order_by(col(Reading.at), col(Reading.seq))).all()
        doubled = session.exec(select(Reading.at, Reading.seq).group_by(
            Reading.device_id, col(Reading.at), col(Reading.seq)).having(func.count() > 1)).all()
    assert [tuple(row) for row in found] == [one for one in still if one[0] >= oldest]
    assert doubled == []
    store.close()


@pytest.mark.slow
def test_a_housekeeper_that_is_killed_leaves_no_half_partition(postgres_url: str) -> None:
    """Its connection breaks between the creation of a table and its place among the partitions."""
    with psycopg.connect(postgres_url) as killed:
        for statement, _ in partitions._creating(Range(20_000 * DAY, 20_001 * DAY), stray=False)[:1]:
            killed.execute(statement.encode())
        killed.execute("SELECT 1")
        killed.close()
    store = Store(postgres_url)
    prepare(store, NOON, 30)
    add(store, reading(NOON))
    assert places(store) == ["reading_2024_10_04"]
    store.close()
