"""Says what a broker still has after a kill or a power cut, and at what speed, as `benchmarks.brokers` measured it."""

from typing import NamedTuple

from gateway.mqtt.local_broker import OurBroker

_WHERE = "docs/brokers.md compares them"

_ONE_BY_ONE_S = 0.000_25  # seconds between two acknowledgements: a write to the disk takes longer
_TIMES_AS_LONG = 8  # as passing one on; measured: 60 to 130 times where it saves at each change, else up to 3

_OURS: dict[OurBroker, tuple[str, str]] = {
    "mosquitto-each-change": (
        "good", "we started it, and it saves at each change: what it acknowledged is on its disk one write later, also "
                "after a power cut; killed in full traffic it lost at most one message of each device (measured)"),
    "mosquitto-each-second": (
        "loss", "we started it, and it saves every two seconds: a kill or power cut loses what it acknowledged since "
                "then and we had not fetched (start it with save=\"each change\", or use nats-server)"),
    "nats": (
        "good", "we started it: what it acknowledged is still there when it is killed, and a power cut loses at most "
                "the last second of what we had not fetched"),
}


class Pace(NamedTuple):
    """The usual seconds between two acknowledgements when many messages are sent at once; None: not measured."""

    kept: float | None = None  # for a session that is away, so that they must be stored
    passed_on: float | None = None  # to a topic that nobody has subscribed to

    @property
    def one_by_one(self) -> bool:
        """Whether each message is written to the disk before the next is taken: then keeping takes far longer than
        passing on, through the same connection a moment before."""
        return (self.kept is not None and self.passed_on is not None and self.kept > _ONE_BY_ONE_S
                and self.kept > _TIMES_AS_LONG * self.passed_on)


def said_of_survival(name: str, pace: Pace, ours: OurBroker | None, durable: bool) -> tuple[str, str]:
    """(kind, text) of the finding about a broker that calls itself `name`; `durable`: the setting mqtt.durable."""
    if ours:
        return _OURS[ours]
    if durable:
        return ("good", "you say that what it acknowledged is on its disk, also when it is killed (mqtt.durable: true)")
    if "mosquitto" not in name:
        return ("unknown", "whether it still has what it acknowledged after being killed cannot be tried from here: "
                           "make sure that it keeps sessions and queued messages on disk (nats-server does without "
                           "consumer_memory_storage; against power cuts set its jetstream { sync_interval: 1s }; "
                           f"EMQX: durable_sessions.enable), and then say so (mqtt.durable: true); {_WHERE}")
    if pace.one_by_one:
        return ("unknown", f"{name}: it seems to save at each change; then a kill or power cut loses at most one "
                           "message of each device. If its file has persistence true and autosave_on_changes true, "
                           "say so (mqtt.durable: true)")
    return ("loss", f"{name}: it does not save at each change, and unless it is configured otherwise, a crash or power "
                    "cut loses what it acknowledged in the last 30 minutes, or all of it when persistence is off (set "
                    "persistence true, autosave_on_changes true, autosave_interval 1 in its file and then say so: "
                    "mqtt.durable: true; for more than a few hundred messages/s autosave_on_changes false, which "
                    f"loses the last two seconds, or nats-server; {_WHERE})")


def said_of_speed(pace: Pace, ours: OurBroker | None) -> tuple[str, str] | None:
    """Of a broker that writes each message to its disk before it takes the next; None: it was not seen to."""
    if pace.kept is None or not pace.one_by_one or ours:  # whoever started it has chosen
        return None
    return ("slow", f"while we are away it takes about {_rounded(1 / pace.kept):,} messages/s from one device, since "
                    "it writes its file after each, and fewer the more are waiting: nothing is lost, devices wait "
                    "(Mosquitto with autosave_on_changes false takes any rate, and a kill or power cut loses its last "
                    f"two seconds; nats-server is as fast and a kill loses nothing; {_WHERE})")


def _rounded(rate: float) -> int:
    """Its first digit: it is never the same twice."""
    size: int = 10 ** (len(str(int(rate))) - 1)
    return max(1, round(rate / size) * size)
