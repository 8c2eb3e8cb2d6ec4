"""Actions on simulated devices, by a scenario or by hand: power off, connection lost, fault, button press."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from device_sim.client import Client
from device_sim.device import Device
from device_sim.ground_truth import Episode, Truth

PRESSES = {"press": "single", "press_twice": "double", "press_long": "long", "test": "test"}
LINK = ("vanish", "return", "stop", "hush", "speak")
"""vanish: power cut, the broker sends the will · return · stop: a clean goodbye · hush: connected, but says nothing."""

Journal = Callable[[str, str, dict[str, Any]], None]
"""(device id, what happened, facts): what a bystander sees, as it happens."""


class Stage(Protocol):
    """Where it all happens: the play."""

    truth: Truth
    journal: Journal

    def at(self, t: float, then: Callable[[float], None]) -> None: ...
    def now(self, t: float) -> int: ...  # wall ms
    def report_at(self, device: Device, t: float) -> None: ...
    def insist_at(self, device: Device, t: float) -> None: ...


def possible(device: Device) -> tuple[str, ...]:
    """Everything that can be done to it."""
    return (*device.physics.acts, *filter(partial(_can_press, device), PRESSES), *LINK)


def _can_press(device: Device, word: str) -> bool:
    """Only a button that is answered has the gesture of a test."""
    dialect = device.dialect
    return device.spec.kind == "button" and dialect.PRESSES and (dialect.ANSWERED or PRESSES[word] != "test")


def act(stage: Stage, device: Device, word: str, t: float) -> None:
    """`word` is done to it; raises ValueError when that cannot be."""
    if word not in possible(device):
        raise ValueError(f"{device.spec.id}: {word!r}, expected one of {', '.join(possible(device))}")
    if word in PRESSES:
        press(stage, device, PRESSES[word], t)
        return
    away = not device.there
    if word in LINK and (word == "return") != away:
        return  # nothing to switch on, or nothing there to act
    stage.journal(device.spec.id, word, {})
    if word == "vanish":
        begin(stage, device, "power_loss", t, "silent", "ticket" if device.spec.missed else "none")
        lose([device], "vanish", t, power=True)
    elif word == "stop":
        begin(stage, device, "switched_off", t)
        stop(device, t)
    elif word == "return":
        back(stage, device, t)
    elif word in ("hush", "speak"):
        device.distortion.hushed = word == "hush"
    else:
        deed(stage, device, word, t)


def deed(stage: Stage, device: Device, word: str, t: float) -> None:
    """Something breaks inside, or is mended."""
    device.live(t)
    found = device.physics.faults.get(word)
    for name, other in device.physics.faults.items():
        if other.undo == word or (found is not None and name != word and other.kind == found.kind):
            end(stage, device, name, t)  # mended, or grown into this one
    if found is not None:
        begin(stage, device, found.kind, t, found.rule, found.expect, shown=False, name=word)
    if device.physics.do(word):
        device.report(stage.now(t))


def press(stage: Stage, device: Device, kind: str, t: float) -> None:
    press_id = device.press(kind, stage.now(t))
    stage.journal(device.spec.id, "pressed", {"press_id": press_id, "kind": kind})
    if device.waiting:
        stage.insist_at(device, t)


def begin(stage: Stage, device: Device, kind: str, t: float, rule: str = "", expect: str = "none",
          group: str | None = None, shown: bool = True, name: str = "") -> None:
    """An episode of this device, under `name` (else its kind); one that is open goes on."""
    if (name or kind) not in device.episodes:
        device.episodes[name or kind] = stage.truth.begin(
            Episode(device.spec, kind, rule, expect, t, group, shown))


def end(stage: Stage, device: Device, name: str, t: float) -> None:
    if episode := device.episodes.pop(name, None):
        stage.truth.end(episode, t)


def lose(devices: Iterable[Device], why: str, t: float, power: bool) -> None:
    """All at once: they have no power, or no way to the broker. `why` tells several reasons of one device apart."""
    clients: dict[Client, None] = {}
    for device in devices:
        device.live(t)
        (device.unpowered if power else device.absent).add(why)
        clients[device.client] = None
    for client in clients:
        client.settle()


def regain(stage: Stage, devices: Iterable[Device], why: str, t: float, power: bool) -> None:
    """That reason is over; who has no other is back, and soon reports. With power it has started anew."""
    clients: dict[Client, None] = {}
    for device in devices:
        device.live(t)
        (device.unpowered if power else device.absent).discard(why)
        clients[device.client] = None
        if device.there:
            if power:
                device.waiting.clear()
            stage.report_at(device, t + 1 + device.dice(t).uniform(0, min(30.0, device.spec.every)))
    for client in clients:
        client.settle(reset=power)


def stop(device: Device, t: float) -> None:
    """Switched off on purpose. A device behind a hub has no goodbye of its own: the hub misses it."""
    device.live(t)
    device.unpowered.add("stop")
    if not device.client.stays and all(not other.there for other in device.client.devices):
        device.client.leave()
    else:
        device.client.settle()


def back(stage: Stage, device: Device, t: float) -> None:
    for name in ("power_loss", "switched_off"):
        end(stage, device, name, t)
    device.unpowered -= {"vanish"}
    regain(stage, [device], "stop", t, power=True)
