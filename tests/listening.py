"""A gateway that listens inside the test's own process, so that the test can look at it and tell it the time."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from prometheus_client import REGISTRY

from gateway.config.device_files import load_profiles
from gateway.config.settings import Mqtt, Settings
from gateway.devices.profiles import Profile
from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.mqtt import Listener
from gateway.store import Store
from tests.servers import wait_until
from tests.village import write_profiles

# unconfigured, structlog draws tracebacks with every local variable: seconds each
structlog.configure(processors=[structlog.stdlib.add_log_level, structlog.processors.format_exc_info,
                                structlog.processors.JSONRenderer()])


def clock() -> Instant:
    return time.time_ns() // 1_000_000


def village_profiles() -> dict[str, Profile]:
    with TemporaryDirectory() as folder:
        return load_profiles(write_profiles(Path(folder)))


@contextmanager
def listening(store: Store, port: int, now: Callable[[], Instant] = clock,
              profiles: Mapping[str, Profile] | None = None, wait: bool = True, **mqtt: Any) -> Iterator[Listener]:
    """A listener on the broker at `port`; unless `wait` is False it has subscribed when the block begins."""
    settings = Settings(mqtt=Mqtt(port=port, **mqtt))
    gw = Gateway(settings, store, dict(profiles or village_profiles()), {})
    listener = Listener(gw, now)
    listener.start()
    try:
        if wait:
            wait_until(lambda: listener.listening, 20, "the gateway to listen")
        yield listener
    finally:
        listener.stop()


def dropped(reason: str) -> float:
    """How many messages were set aside for this reason, since the tests began."""
    return REGISTRY.get_sample_value("gateway_messages_dropped_total", {"reason": reason}) or 0


def received() -> float:
    """How many messages were taken from a broker, since the tests began."""
    return REGISTRY.get_sample_value("gateway_messages_received_total") or 0


def dropped_for_any_reason() -> float:
    return sum(sample.value for metric in REGISTRY.collect() if metric.name == "gateway_messages_dropped"
               for sample in metric.samples if sample.name.endswith("_total"))
