"""Whatever a device sends, every page, message, explanation and answer of the API can still be written."""


import json
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.explain import format
from gateway.model import EARLIEST, LATEST, Alarm, DeviceState, Offer, Reading, Visit, local, to_iso
from gateway.notifications import format_values
from gateway.notifications.catalogues import catalogue_for, catalogues, messages
from gateway.notifications.charts import signals
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import number, rounded_homes
from gateway.notifications.topics import TopicName
from gateway.store import Store, to_json
from gateway.web.pages import sparkline
from tests.drivers.examples import examples
from tests.drivers.web_driver import accept, read, web_story
from tests.fixtures.any_facts import every_fact

pytestmark = pytest.mark.slow
LOCALES = catalogues().locales
ZONES = ("UTC", "Europe/Zurich", "Pacific/Kiritimati", "Pacific/Pago_Pago")
NUMBERS = [nan, inf, -inf, 0.0, -0.0, 3.4e38, -3.4e38, 1.7e308, 5e-324, 10**400, -(10**5000), 2**63, True, False]
TIMES = [0, -1, -(2**63), 2**63, 10**400, EARLIEST, LATEST, 253_402_300_799_999, -62_135_596_800_000]
any_number = st.one_of(st.sampled_from(NUMBERS), st.floats(), st.integers())
any_time = st.one_of(st.sampled_from(TIMES), st.integers(-(10**20), 10**20))
# a lone surrogate is no text in UTF-8: orjson refuses the message that has one, and so does every form
any_text = st.text(st.characters(categories=("L", "N", "P", "Z", "Cc", "Cf", "Co", "Cn")), max_size=400)
any_value = st.one_of(any_number, any_text, st.none(), st.lists(any_number, max_size=3),
                      st.dictionaries(st.text(max_size=5), any_number, max_size=3))
anything = examples(150)


@anything
@given(any_value, st.sampled_from(LOCALES))
def test_any_value_can_be_written_shortly_and_printed(value: Any, locale: str) -> None:
    for said in (signals.with_unit("flow_temp", value, None, catalogue_for(locale)),
                 format.value_text(value, "°C"), format_values.text(value), format.signals_text({"a": value}, None)):
        assert said.replace("\u00a0", "").replace("\u202f", "").isprintable(), "but for spaces that do not break"
        assert len(said) < 220
        said.encode()


@anything
@given(any_number, st.sampled_from(LOCALES))
def test_any_number_can_be_counted(value: float, locale: str) -> None:
    assert 0 < len(number(value, locale)) < 40
    assert 0 < len(format_values.number(value, locale, "#,##0.##")) < 40


@pytest.mark.parametrize(("value", "en", "de"), [
    (3.4e38, "3.4 × 10^38", "3,4 × 10^38"), (-1e-7, "-1 × 10^-7", "-1 × 10^-7"), (10**400, "1 × 10^400", "1 × 10^400"),
    (-0.0, "0", "0"), (nan, "?", "?"), (inf, "∞", "∞"), (-inf, "-∞", "-∞"), (72.125, "72.12", "72,12"),
    (1234.5, "1,234.5", "1.234,5"), (0.0049, "4.9 × 10^-3", "4,9 × 10^-3"), (0.006, "0.01", "0,01")])
def test_numbers_stay_readable_however_large_or_small(value: float, en: str, de: str) -> None:
    assert format_values.number(value, "en", "#,##0.##") == en
    assert format_values.number(value, "de", "#,##0.##") == de


@anything
@given(any_time, any_time, any_time, st.sampled_from(ZONES), st.sampled_from(LOCALES))
def test_any_time_can_be_said(at: int, until: int, now: int, zone: str, locale: str) -> None:
    say = TimeFormat(catalogue_for(locale), zone, now)
    for said in (say.when(at), say.span(at, until), say.time(at), say.date(at), say.exact(at), say.ago(at),
                 say.duration(until), to_iso(at)):
        assert 0 < len(said) < 120
    assert local(at, zone).tzinfo is not None


@anything
@given(st.floats())
def test_any_chance_has_its_odds(p: float) -> None:
    assert format.odds_text(p)


@anything
@given(st.lists(st.tuples(any_time, any_number), max_size=8))
def test_any_course_can_be_drawn_within_its_box(course: list[tuple[int, float]]) -> None:
    for pair in sparkline.points(course).split():
        x, y = map(float, pair.split(","))
        assert 0 <= y <= sparkline.HEIGHT
        assert x == x


@anything
@given(any_text, any_time, st.integers(0, 10**30), st.sampled_from(LOCALES), st.sampled_from(list(TopicName)))
def test_any_fact_makes_a_message(said: str, at: int, count: int, locale: str, topic: str) -> None:
    message = messages().word(topic, locale, every_fact(1_700_000_000_000, at, said, rounded_homes(count)))
    assert "\n" not in message.subject
    for form in (message.subject, message.short, message.long_text, message.long_html):
        form.encode()


def test_what_json_has_no_word_for_is_stored_as_nothing_known() -> None:
    """PostgreSQL refuses NaN in JSON, and with it the whole batch."""
    assert json.loads(to_json({"a": nan, "b": [inf, {"c": -inf}], "d": 1.5, "e": "NaN"})) == {
        "a": None, "b": [None, {"c": None}], "d": 1.5, "e": "NaN"}


WILD: list[dict[str, Any]] = [
    {"flow_temp": 3.4e38, "pressure": -3.4e38}, {"flow_temp": 1.7e308, "pressure": 5e-324},
    {"flow_temp": -1.7e308, "pressure": -0.0}, {"flow_temp": 1e26, "mode": "x" * 4000},
    {"flow_temp": 80.0, "pressure": True, "mode": "</svg>{{ 7 * 7 }}\x00\u202e"},
]


def test_readings_beyond_all_measure_break_no_page_message_explanation_or_answer(store: Store) -> None:
    """One reading of 3.4e38 made the technician's page fail for ever."""
    there = web_story(store)
    with there.client() as web, there.client(there.key()) as api:
        for signals in WILD:
            there.now += 1000
            there.says("alice-pump", **signals)
        offer = there.offer(there.ticket)
        pages = [read(web.get(path)) for path in (offer, there.follow(there.ticket))]
        assert "flow temp 1 × 10^26 °C" in pages[0]
        assert accept(there, web, offer).status_code == 303
        there.wait(seconds=1)
        visit = there.visit(there.ticket)
        for signals in WILD:
            there.now += 1000
            there.says("alice-pump", **signals)
        trip = web.get(visit)
        assert "flow temp 80 °C" in read(trip)
        assert "nan" not in trip.text.partition("<polyline")[2][:200]
        assert len(trip.text) < 30_000
        for about in (there.ticket.id, there.alarms[0].id, "alice-pump"):
            assert api.get(f"/api/v1/explain/{about}").status_code == 200
        for path in ("devices/alice-pump", "devices/alice-pump/readings", "alarms", "tickets", "notifications"):
            assert api.get(f"/api/v1/{path}").status_code == 200
        assert there.messages


def test_times_and_values_no_calendar_has_break_nothing_that_is_stored_already(store: Store) -> None:
    """What an older version, a bug or a repair by hand has left in the database."""
    there = web_story(store)
    with there.client() as web, there.client(there.key()) as api:
        ticket = there.break_down()
        offer, follow = there.offer(ticket), there.follow(ticket)
        accept(there, web, offer)
        trip = there.visit(ticket)
        there.change(there.one(Alarm), opened_at=-(2**62), known_at=2**62, evidence={
            "cause": {"en": "x"}, "signals": {"a": 1e300, "b": None, "c": [1], "d": "y" * 9000}, "for_ms": 2**62,
            "last_heard": 2**62, "last_data": -(2**62), "p": 1e-300, "code": "\x07", "text": "z" * 9000})
        there.change(there.one(Visit), window_from=-(2**62), window_until=2**62, eta=2**62)
        there.change(there.one(Offer), expires_at=2**62)
        there.change(ticket, opened_at=2**62)
        there.add(Reading(device_id="alice-pump", at=2**62, seq=1, received_at=-(2**62),
                          signals='{"a": 1e308, "b": null}'))
        with store.write() as session:
            state = session.get(DeviceState, "alice-pump") or DeviceState(device_id="alice-pump")
            state.seen_at, state.data_at, state.signals = 2**62, -(2**62), '{"a": 1e308}'
            session.add(state)
        for path in (follow, trip):
            read(web.get(path))
        for about in (ticket.id, there.alarms[0].id, "alice-pump"):
            assert api.get(f"/api/v1/explain/{about}").status_code == 200
        for path in ("devices/alice-pump", "devices/alice-pump/readings", "alarms", "tickets", f"tickets/{ticket.id}"):
            assert api.get(f"/api/v1/{path}").status_code == 200, path
