"""How well what customers were told was kept, asked over HTTP."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import HOUR, MINUTE, Visit, to_iso
from gateway.tickets.actions import Arrive, ConnectCallback
from tests.drivers.web_driver import WebStory, is_problem


@pytest.fixture
def reader(there: WebStory) -> Iterator[httpx.Client]:
    with there.client(there.key("read")) as client:
        client.base_url = f"{there.base}/api/v1/promises/"
        yield client


def test_nothing_told_is_nothing_kept(reader: httpx.Client) -> None:
    assert reader.get("summary").json() == {
        "overall": {"open": 0, "overdue": 0, "kept": 0, "corrected": 0, "cancelled": 0, "broken": 0, "kept_rate": None},
        "by_kind": [], "by_provider": []}


def test_what_was_kept_is_counted_overall_by_kind_and_by_provider(there: WebStory, reader: httpx.Client) -> None:
    began = there.now
    there.break_down()
    there.wait()
    there.accept()
    there.wait()
    there.act(Arrive(there.one(Visit).id), "provider kunz")
    late = there.call_for_help()
    there.wait(minutes=60)
    there.act(ConnectCallback(late.id))
    there.call_for_help("charlie-button")
    there.now += 2 * HOUR  # and nobody looks: it is overdue
    found = reader.get("summary").json()
    assert {row["kind"]: (row["kept"], row["broken"], row["overdue"]) for row in found["by_kind"]} == {
        "next_word": (1, 0, 0), "arrival_window": (1, 0, 0), "callback_by": (1, 1, 1)}
    assert found["overall"] == {"open": 1, "overdue": 1, "kept": 3, "corrected": 0, "cancelled": 0, "broken": 1,
                                "kept_rate": 0.6}
    [firm] = found["by_provider"]
    assert (firm["provider_id"], firm["provider_name"], firm["kept"], firm["kept_rate"]) == (
        "kunz", "Kunz Heating", 1, 1.0)
    soon = {"since": to_iso(began), "until": to_iso(began + 31 * MINUTE)}
    assert [row["kind"] for row in reader.get("summary", params=soon).json()["by_kind"]] == ["next_word"]


def test_a_question_that_makes_no_sense_is_refused(reader: httpx.Client) -> None:
    is_problem(reader.get("summary?since=yesterday"), 422)
    is_problem(reader.get("summary?from=2026-11-23T12:00:00Z"), 422)
