"""What is said of a broker that is killed, or slow because it saves at each change: what is known, and no more."""

import pytest

from gateway.mqtt.broker_probe import BrokerReport, findings_of
from gateway.mqtt.durability import Pace, said_of_speed, said_of_survival
from gateway.mqtt.local_broker import OurBroker

MOSQUITTO = "mosquitto version 2.0.11"
EACH_CHANGE = Pace(kept=0.002_7, passed_on=0.000_022)  # as measured
AT_TIMES = Pace(kept=0.000_045, passed_on=0.000_021)
SLOW_NETWORK = Pace(kept=0.004, passed_on=0.003)


@pytest.mark.parametrize(("pace", "one_by_one"), [
    (EACH_CHANGE, True), (AT_TIMES, False), (SLOW_NETWORK, False), (Pace(), False), (Pace(kept=0.004), False),
    (Pace(kept=0.000_2, passed_on=0.000_01), False),
])
def test_only_who_keeps_far_slower_than_he_passes_on_saves_one_by_one(pace: Pace, one_by_one: bool) -> None:
    assert pace.one_by_one is one_by_one
    assert (said_of_speed(pace, ours=None) is not None) is one_by_one


def test_the_rate_is_said_with_one_digit_and_with_what_is_faster_and_what_that_loses() -> None:
    said = said_of_speed(EACH_CHANGE, ours=None)
    assert said is not None
    kind, text = said
    assert kind == "slow"
    for words in ("about 400 messages/s", "nothing is lost", "autosave_on_changes false", "its last two seconds",
                  "nats-server", "docs/brokers.md"):
        assert words in text, words


def test_our_own_broker_is_not_called_slow_since_we_chose() -> None:
    assert said_of_speed(EACH_CHANGE, ours="mosquitto-each-change") is None


@pytest.mark.parametrize(("ours", "kind", "words"), [
    ("mosquitto-each-change", "good", "at most one message of each device"),
    ("mosquitto-each-second", "loss", "every two seconds"),
    ("nats", "good", "a power cut loses at most the last second"),
])
def test_of_what_we_started_we_know_what_a_kill_loses(ours: OurBroker, kind: str, words: str) -> None:
    said = said_of_survival("whatever it says", Pace(), ours, durable=False)
    assert said[0] == kind
    assert words in said[1]


@pytest.mark.parametrize(("name", "pace", "kind", "words"), [
    (MOSQUITTO, AT_TIMES, "loss", "the last 30 minutes"),
    (MOSQUITTO, Pace(), "loss", "the last 30 minutes"),
    (MOSQUITTO, EACH_CHANGE, "unknown", "it seems to save at each change"),
    ("", AT_TIMES, "unknown", "nats-server does"),
    ("", EACH_CHANGE, "unknown", "cannot be tried from here"),
])
def test_of_another_broker_only_what_can_be_known_and_then_what_to_check(
        name: str, pace: Pace, kind: str, words: str) -> None:
    said = said_of_survival(name, pace, None, durable=False)
    assert said[0] == kind
    assert words in said[1]
    assert "mqtt.durable: true" in said[1]


def test_who_says_that_it_is_durable_still_reads_that_it_is_slow() -> None:
    report = BrokerReport(MOSQUITTO, ("3.1.1", "5"), keeps_session=True, queued=1_500, sent=1_500, pace=EACH_CHANGE)
    assert [one.kind for one in findings_of(report, "5", None, durable=True)] == ["good", "good", "slow", "good"]
