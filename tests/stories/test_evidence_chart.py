"""Whoever goes there sees the course of what the rule judged, with its limit and the alarm, and reads the same."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.devices.profiles import compile_profile
from gateway.model import SECOND, Provider, Site
from gateway.store import Store
from tests.drivers.story import HEAT_PUMP
from tests.drivers.web_driver import WebStory, read, web_story


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def overheats(there: WebStory) -> str:
    """The visit's page, after an hour of readings and an alarm."""
    there.measure()
    there.says("alice-pump", flow_temp=80.0, return_temp=60.0, pressure=1.6, linkquality=80.0)
    there.accept()
    return there.visit(there.ticket)


def test_the_course_its_limit_and_the_alarm_are_drawn_and_said(there: WebStory, web: httpx.Client) -> None:
    page = web.get(overheats(there))
    told = read(page)
    (svg,) = re.findall(r'<svg[^>]*class="chart".*?</svg>', page.text, re.DOTALL)
    for drawn in ('class="threshold"', 'class="span alarm"', 'class="course"', "°C", 'role="img"'):
        assert drawn in svg
    assert "style=" not in svg
    assert ("Flow temp from 12:00 today to 13:00 today, between 45 °C and 80 °C. Alarm &gt; 75 °C. The heat pump is "
            "overheating: since 13:00 today, and still.").replace("&gt;", ">") in told
    assert "linkquality" not in told
    assert "pressure" not in told, "the rule did not judge it"
    assert len(page.content) < 60_000


def test_a_fault_that_judged_no_reading_has_no_chart_but_the_readings_that_mean_something(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.measure()
    there.accept()
    page = web.get(there.visit(ticket))
    assert 'class="chart"' not in page.text
    assert "pressure 1.6 bar" in read(page)


def test_signals_are_called_what_people_call_them(there: WebStory, web: httpx.Client) -> None:
    named = HEAT_PUMP.replace("flow_temp: {", "flow_temp: {name: {en: flow temperature, de: Vorlauftemperatur}, ")
    there.gw.profiles["heat-pump"] = compile_profile(named, "named.yaml")
    page = overheats(there)
    assert "Flow temperature from 12:00 today" in read(web.get(page))
    there.change(there.one(Provider, Provider.id == there.ticket.provider_id), locale="de")
    told = read(web.get(page))
    assert "Vorlauftemperatur von heute 12:00 bis heute 13:00, zwischen 45 °C und 80 °C." in told
    assert "noch immer" in told


def test_what_was_measured_before_they_moved_in_is_not_shown(there: WebStory, web: httpx.Client) -> None:
    page = overheats(there)
    with there.gw.store.write() as session:
        session.get_one(Site, "alice-home").household_since = there.now - SECOND
    assert 'class="chart"' not in web.get(page).text
