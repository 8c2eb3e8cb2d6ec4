"""What `gateway check` asks about mappings: paths that no example reaches."""

from collections.abc import Iterable, Iterator, Sequence

from gateway.devices.mappings import Mapping
from gateway.model.signals import FaultCode, Telemetry


def mapping_warnings(mappings: Iterable[Mapping]) -> Iterator[str]:
    """A path that no example ever reaches may be misspelt: it would simply give nothing."""
    for mapping in mappings:
        for number, message in enumerate(mapping.messages):
            given: set[str] = set()
            for topic, _, _, outcome in mapping.EXAMPLES:
                if message.topic.read(topic) is not None and isinstance(outcome, Sequence):
                    for signal in outcome:
                        if isinstance(signal, Telemetry):
                            given |= {f"telemetry.{name}" for name in signal.values}
                        elif isinstance(signal, FaultCode):
                            given.add(f"faults.{signal.code}")
            for name in [*(f"telemetry.{name}" for name in message.telemetry),
                         *(f"faults.{code}" for code in message.faults)]:
                if name not in given:
                    yield (f"mapping {mapping.NAME}: messages[{number}].{name}: in no example there is a value at its "
                           "path, which may be misspelt — expected an example that gives it")
