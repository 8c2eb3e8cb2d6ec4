"""The faults and events that a scenario may use: which devices each applies to, its fields, and its effect."""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from device_sim.actions import Stage, begin, deed, end, lose, press, regain
from device_sim.device import Device
from device_sim.device_kinds import KINDS
from device_sim.dialects import DIALECTS
from device_sim.population import DeviceSpec
from device_sim.yaml_fields import Fields, duration, interval, number, one_of, share, signed, whole


class Cast(NamedTuple):
    """What befalls whom: `lasts` None is until the run ends, `more` the event's own fields."""

    stage: Stage
    devices: list[Device]
    t: float
    lasts: float | None
    more: dict[str, Any]

    def afterwards(self, then: Callable[[float], None]) -> None:
        if self.lasts is not None:
            self.stage.at(self.t + self.lasts, then)


class ScenarioEvent(NamedTuple):
    start: Callable[[Cast], None]
    fits: Callable[[DeviceSpec], bool]
    fields: Fields = MappingProxyType({})
    together: bool = False  # it befalls all at one moment; else each device by itself, spread over `over`


def _deed(name: str, cast: Cast) -> None:
    for device in cast.devices:
        deed(cast.stage, device, name, cast.t)
        cast.afterwards(partial(_undo, cast.stage, device, device.physics.faults[name].undo))


def _undo(stage: Stage, device: Device, undo: str, t: float) -> None:
    deed(stage, device, undo, t)


def _outage(cast: Cast, power: bool) -> None:
    """The lights go out in every home at once; they come back home by home, and in some not at all."""
    group = cast.devices[0].spec.feeder if power else cast.devices[0].spec.carrier
    for device in cast.devices:
        begin(cast.stage, device, "outage", cast.t, "silent", "outage" if device.spec.missed else "none", group)
    lose(cast.devices, "outage", cast.t, power)
    if cast.lasts is None:
        return
    homes: dict[str, list[Device]] = {}
    for device in cast.devices:
        homes.setdefault(device.spec.home or device.spec.id, []).append(device)
    rng = cast.devices[0].dice(cast.t)
    dark = set(rng.sample(sorted(homes), min(cast.more.get("stay_dark", 0), len(homes) - 1)))
    over = cast.t + cast.lasts
    for home, devices in homes.items():
        if home in dark:
            cast.stage.at(over, partial(_stays_dark, cast.stage, devices, group, cast.more.get("dark_for")))
        else:
            cast.stage.at(over + rng.uniform(0, cast.more["return_over"]), partial(_lit, cast.stage, devices, power))


def _lit(stage: Stage, devices: list[Device], power: bool, t: float) -> None:
    for device in devices:
        end(stage, device, "outage", t)
        end(stage, device, "dark_home", t)
    regain(stage, devices, "outage", t, power)


def _stays_dark(stage: Stage, devices: list[Device], group: str, dark_for: float | None, t: float) -> None:
    """The feeder is back, and this home is not: a fault of its own inside the outage."""
    for device in devices:
        end(stage, device, "outage", t)
        begin(stage, device, "dark_home", t, "silent", "ticket" if device.spec.missed else "none", group)
    if dark_for is not None:
        stage.at(t + dark_for, partial(_lit, stage, devices, True))


def _power_loss(cast: Cast) -> None:
    _gone(cast, "power_loss", "silent", True)


def _gone(cast: Cast, kind: str, rule: str, power: bool) -> None:
    for device in cast.devices:
        begin(cast.stage, device, kind, cast.t, rule, "ticket" if device.spec.missed else "none")
    lose(cast.devices, kind, cast.t, power)
    cast.afterwards(partial(_returned, cast.stage, cast.devices, kind, power))


def _returned(stage: Stage, devices: list[Device], kind: str, power: bool, t: float) -> None:
    for device in devices:
        end(stage, device, kind, t)
    regain(stage, devices, kind, t, power)


def _flap(cast: Cast) -> None:
    for device in cast.devices:
        begin(cast.stage, device, "flapping", cast.t)
    last = None if cast.lasts is None else cast.t + cast.lasts
    _down(cast, last, cast.t)


def _down(cast: Cast, last: float | None, t: float) -> None:
    if last is not None and t >= last:
        for device in cast.devices:
            end(cast.stage, device, "flapping", t)
        return
    lose(cast.devices, "flap", t, power=False)
    cast.stage.at(t + cast.more["down"], lambda up: regain(cast.stage, cast.devices, "flap", up, power=False))
    cast.stage.at(t + cast.more["every"], partial(_down, cast, last))


def _link_reset(cast: Cast) -> None:
    """Every connection breaks at once, and is made again."""
    for device in cast.devices:
        begin(cast.stage, device, "link_reset", cast.t)
    for client in {device.client: None for device in cast.devices}:
        client.interrupt()
    cast.afterwards(partial(_all_end, cast.stage, cast.devices, "link_reset"))


def _all_end(stage: Stage, devices: list[Device], name: str, t: float) -> None:
    for device in devices:
        end(stage, device, name, t)


def _mash(cast: Cast) -> None:
    for device in cast.devices:
        times, within = cast.more["times"], cast.more["within"]
        begin(cast.stage, device, "press" if times == 1 else "mash", cast.t, "", "callback")
        for turn in range(times):
            moment = cast.t + (within * turn / (times - 1) if times > 1 else 0)
            cast.stage.at(moment, partial(_finger, cast.stage, device, cast.more["how"], turn == times - 1))


def _test(cast: Cast) -> None:
    for device in cast.devices:
        begin(cast.stage, device, "test", cast.t)
        if device.there:
            press(cast.stage, device, "test", cast.t)
        end(cast.stage, device, "test", cast.t)


def _finger(stage: Stage, device: Device, how: str, last: bool, t: float) -> None:
    if device.there:
        press(stage, device, how, t)
    if last:
        for name in ("press", "mash"):
            end(stage, device, name, t)


def _stick(cast: Cast) -> None:
    for device in cast.devices:
        device.live(cast.t)
        main = device.physics.main
        device.distortion.stuck = {main: device.physics.values()[main]}
        _falsify(cast.stage, device, "stuck", cast.t)
        device.distortion.drift = 0.0
        end(cast.stage, device, "drift", cast.t)  # what stands still drifts no more
        cast.afterwards(partial(_speech_over, cast.stage, device, "stuck", {"stuck": {}}))


def _drift(cast: Cast) -> None:
    for device in cast.devices:
        if device.distortion.stuck:
            continue
        device.distortion.drifting_since, device.distortion.drift = cast.t, cast.more["by"]
        _falsify(cast.stage, device, "drift", cast.t)
        cast.afterwards(partial(_speech_over, cast.stage, device, "drift", {"drift": 0.0}))


def _falsify(stage: Stage, device: Device, kind: str, t: float) -> None:
    """Its main sensor shows what is not so. What its profile cannot find is not asked for."""
    rule, expect, _ = device.physics.sensor_faults.get(kind, ("", "none", None))
    begin(stage, device, kind, t, rule, expect, shown=False)


def _skew(cast: Cast) -> None:
    for device in cast.devices:
        if cast.more["by"] == 1970:
            how: dict[str, Any] = {"reset_at": cast.stage.now(cast.t)}
        else:
            how = {"skew": round(cast.more["by"] * 1000)}
        _speak(cast, device, "clock_skew", how, {"skew": None, "reset_at": None})


def _by_or_1970(value: Any) -> float:
    return 1970 if value == 1970 else signed(value)


def _rate(name: str, kind: str, cast: Cast) -> None:
    for device in cast.devices:
        _speak(cast, device, kind, {name: cast.more["rate"]}, {name: 0.0})


def _hush(cast: Cast) -> None:
    for device in cast.devices:
        _speak(cast, device, "silence", {"hushed": True}, {"hushed": False}, "silent", "ticket")


def _speak(cast: Cast, device: Device, kind: str, how: dict[str, Any], after: dict[str, Any], rule: str = "",
           expect: str = "none") -> None:
    for field, value in how.items():
        setattr(device.distortion, field, value)
    begin(cast.stage, device, kind, cast.t, rule, expect)
    cast.afterwards(partial(_speech_over, cast.stage, device, kind, after))


def _speech_over(stage: Stage, device: Device, kind: str, after: dict[str, Any], t: float) -> None:
    for field, value in after.items():
        setattr(device.distortion, field, value)
    end(stage, device, kind, t)
    if device.there:
        device.client.say(device.distortion.in_disorder())


def _burst(cast: Cast) -> None:
    """No way to the broker for hours, and a memory: all of it comes at once, with the times when it was measured."""
    for device in cast.devices:
        device.distortion.holding = True
    _gone(cast, "offline_burst", "silent", False)
    cast.afterwards(partial(_release, cast.stage, cast.devices))


def _release(stage: Stage, devices: list[Device], t: float) -> None:
    waiting = []
    for device in devices:
        if device.client.ready and device.there:
            device.client.say(device.distortion.release())
        else:
            waiting.append(device)
    if waiting:
        stage.at(t + 10, partial(_release, stage, waiting))


def _update(cast: Cast) -> None:
    for device in cast.devices:
        begin(cast.stage, device, "update", cast.t)
        cast.stage.at(cast.t + cast.more["reboot"], partial(_booted, cast, device))
    lose(cast.devices, "update", cast.t, power=True)


def _booted(cast: Cast, device: Device, t: float) -> None:
    stage, more = cast.stage, cast.more
    end(stage, device, "update", t)
    dice = device.dice(t).random()
    if dice < more["never_return"]:
        begin(stage, device, "bad_update", t, "silent", "ticket" if device.spec.missed else "none")
        return
    if device.physics.main and dice < more["never_return"] + more["wrong_unit"]:
        device.distortion.fahrenheit = True
        _falsify(stage, device, "bad_update", t)
    elif device.physics.stale and dice > 1 - more["renamed"]:
        device.distortion.renamed = True
        begin(stage, device, "bad_update", t, "stale", "ticket")
    regain(stage, [device], "update", t, power=True)


def _any(spec: DeviceSpec) -> bool:
    return True


def _measures(spec: DeviceSpec) -> bool:
    return bool(KINDS[spec.kind].main)


def _own_link(spec: DeviceSpec) -> bool:
    """It has a connection that can be lost without its neighbours'."""
    return DIALECTS[spec.dialect].HUB != "all"


def _can(deed_name: str, spec: DeviceSpec) -> bool:
    found = KINDS[spec.kind].faults.get(deed_name)
    return found is not None and (not found.rule.startswith("fault:H") or DIALECTS[spec.dialect].FAULTS)


_RETURN: Fields = {"return_over": (duration, 0.0)}
_RATE: Fields = {"rate": (share, 0.3)}

SCENARIO_EVENTS: dict[str, ScenarioEvent] = {
    **{name: ScenarioEvent(partial(_deed, name), partial(_can, name))
       for name in sorted({name for kind in KINDS.values() for name in kind.faults})},
    "outage": ScenarioEvent(partial(_outage, power=True), _any, {
        **_RETURN, "stay_dark": (whole(0, 1000), 0), "dark_for": (duration, None)}, together=True),
    "carrier_loss": ScenarioEvent(partial(_outage, power=False), _own_link, _RETURN, together=True),
    "power_loss": ScenarioEvent(_power_loss, _any),
    "flap": ScenarioEvent(_flap, _own_link, {"every": (interval, 120.0), "down": (interval, 20.0)}),
    "link_reset": ScenarioEvent(_link_reset, _any, together=True),
    "press": ScenarioEvent(_mash, lambda spec: spec.kind == "button" and DIALECTS[spec.dialect].PRESSES, {
        "how": (one_of(("single", "double", "long")), "single"), "times": (whole(1, 1000), 1),
        "within": (duration, 10.0)}),
    "test": ScenarioEvent(_test, lambda spec: spec.kind == "button" and DIALECTS[spec.dialect].ANSWERED),
    "stick": ScenarioEvent(_stick, _measures),
    "drift": ScenarioEvent(_drift, _measures, {"by": (number, 1.0)}),
    "clock_skew": ScenarioEvent(_skew, lambda spec: DIALECTS[spec.dialect].TIMES, {"by": (_by_or_1970, 1970)}),
    "duplicates": ScenarioEvent(partial(_rate, "repeats", "duplicates"), _any, _RATE),
    "reordering": ScenarioEvent(partial(_rate, "swaps", "reordering"), _any, _RATE),
    "malformed": ScenarioEvent(partial(_rate, "garbles", "malformed"), _any, _RATE),
    "hush": ScenarioEvent(_hush, lambda spec: KINDS[spec.kind].heard_within > 0),
    "offline_burst": ScenarioEvent(
        _burst, lambda spec: DIALECTS[spec.dialect].TIMES and not DIALECTS[spec.dialect].HUB),
    "update": ScenarioEvent(_update, _any, {
        "reboot": (interval, 90.0), "never_return": (share, 0.0), "wrong_unit": (share, 0.0), "renamed": (share, 0.0)}),
}
