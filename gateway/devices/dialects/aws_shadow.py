"""AWS IoT device shadows: reported state on `$aws/things/<thing>/shadow/update`."""

from collections.abc import Sequence

from gateway.devices.dialects.jsonread import Json, address, flatten, read_object, shown, telemetry
from gateway.model.signals import Ignored, Presence, Signal, Telemetry, Undecodable

NAME = "aws_shadow"
# A broker's own `$…` topics never match a wildcard on the first level, so it is written out.
FILTERS: tuple[str, ...] = (
    "$aws/things/+/shadow/update", "$aws/things/+/shadow/update/+", "$aws/things/+/shadow/name/+/update",
    "$aws/things/+/shadow/name/+/update/+",
)


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`$aws/things/<thing>/shadow/[name/<shadow>/]update` → Telemetry; raises Undecodable or Ignored.

    What the service says back (`accepted`, `documents`) repeats it; `delta` and `desired` are what somebody else wants.
    """
    _, _, thing, *shadow = topic.split("/")
    key = "aws_shadow:" + address(thing)
    if shadow[-1] != "update":
        raise Ignored("answer of the shadow service")
    body = read_object(payload)
    state = body.get("state")
    if state is None and "state" in body:
        raise Ignored("shadow deleted")
    if type(state) is not dict:
        raise Undecodable(f"state: expected an object, got {shown(state)}")
    reported = state.get("reported")
    if reported is None:
        raise Ignored("shadow update without a report")
    if type(reported) is not dict:
        raise Undecodable(f"state.reported: expected an object, got {shown(reported)}")
    return (telemetry(key, flatten(_named(shadow, reported)), None, payload, retained),)


def _named(shadow: list[str], reported: Json) -> Json:
    """A named shadow is one part of the thing: its values get its name in front."""
    return {shadow[2]: reported} if shadow[1] == "name" else reported


_TOPIC, _KEY = "$aws/things/boiler-7/shadow/update", "aws_shadow:boiler-7"

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    (_TOPIC, b'{"state":{"reported":{"flow":{"temp":48},"pump":true,"door":null}},"clientToken":"a"}', False,
     (Telemetry(_KEY, {"flow_temp": 48.0, "pump": True}),)),
    (_TOPIC, b'{"state":{"desired":{"pump":false},"reported":{"pump":true}}}', False,
     (Telemetry(_KEY, {"pump": True}),)),
    ("$aws/things/boiler-7/shadow/name/burner/update", b'{"state":{"reported":{"hours":412}}}', False,
     (Telemetry(_KEY, {"burner_hours": 412.0}),)),
    (_TOPIC, b'{"state":{"reported":{"pump":null}}}', False, (Presence(_KEY, "online"),)),
    (_TOPIC, b'{"state":{"reported":{"pump":null}}}', True, Ignored),
    (_TOPIC, b'{"state":{"desired":{"pump":true}}}', False, Ignored),
    (_TOPIC, b'{"state":{"desired":{"pump":true},"reported":null}}', False, Ignored),
    (_TOPIC, b'{"state":null}', False, Ignored),
    (_TOPIC, b'{"pump":true}', False, Undecodable),
    (_TOPIC, b'{"state":{"reported":[1]}}', False, Undecodable),
    (_TOPIC + "/delta", b'{"version":3,"state":{"pump":true}}', False, Ignored),
    (_TOPIC + "/accepted", b'{"state":{"reported":{"pump":true}}}', False, Ignored),
    ("$aws/things/boiler-7/shadow/name/burner/update/documents", b"{}", False, Ignored),
)
