"""Recognizes button presses (single, double, long) in the action names of any dialect."""

import re
from functools import lru_cache

from gateway.model import Instant
from gateway.model.signals import ButtonWord, Press

KINDS = ("single", "double", "triple", "many", "long", "urgent")
"""What a press can be; `urgent` is a cry for help."""

LONGEST = 64  # characters; more is a text, not a word for a press

_COUNTS = {
    **dict.fromkeys(("single", "once"), "single"),
    **dict.fromkeys(("double", "twice", "dbl"), "double"),
    **dict.fromkeys(("triple", "tripple", "thrice"), "triple"),
    **dict.fromkeys(("many", "quadruple", "quad", "quintuple", "penta", "sextuple"), "many"),
}
_FINGER = frozenset(("press", "presses", "pressed", "click", "clicks", "clicked", "push", "pushes", "pushed", "tap",
                     "taps", "tapped", "ring", "ringing"))
_LONG = frozenset(("long", "hold", "held", "holding"))
_BUTTONS = frozenset(("button", "btn", "key", "bell", "doorbell"))
_PLACES = frozenset(("left", "right", "top", "bottom", "center", "centre", "middle", "both", "all"))
_RELEASE = frozenset(("release", "released", "releases"))
_URGENT = frozenset(("emergency", "panic", "sos", "distress", "duress"))
# A cry for help that is over, or is none: an emergency stop, heater, light or exit.
_NOT_URGENT = _RELEASE | frozenset((
    "off", "over", "end", "ended", "stop", "stopped", "cancel", "cancelled", "canceled", "clear", "cleared", "reset",
    "restored", "inactive", "idle", "ok", "no", "not", "none", "test", "delay", "mode", "heat", "heating", "heater",
    "light", "lights", "lighting", "exit", "door", "brake", "power", "supply", "battery"))
# No press, whatever stands beside it: the beginning of one whose end tells what it was, its end, a thing turned.
_NO_PRESS = frozenset((
    "initial", "ongoing", "end", "ended", "none", "no", "not", "idle", "move", "step", "rotate", "rotated", "rotating",
    "rotation", "clockwise", "counterclockwise", "anticlockwise"))

_NEW_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # longPress, SOSButton
_TIMES = re.compile(r"(?<![0-9])([0-9]{1,2})(?:x|[_ -]?times|[_ -]?(?=clicks|presses|pushes|taps))")
# Two words written as one: longpress, doubleclick, keypressed.
_GLUED = re.compile(r"(single|double|triple|tripple|quadruple|quintuple|multi|short|long|initial|button|key)"
                    r"(press|click|push|tap|hold|release)")
_WORDS = re.compile(r"[a-z]+|[0-9]+")


@lru_cache(maxsize=4096)  # devices say the same few words again and again
def press_kind(word: str) -> str | None:
    """One of KINDS when `word` tells of a press, as `1_single`, `hold_left`, `DoubleClick` or `sos` do; else None.

    A finger is counted once: "initial press, short release" by its release, "long press, long release" by its
    beginning. `on`, `off` and `toggle` alone are what a remote wants of a lamp, and no press to us.
    """
    if not 0 < len(word) <= LONGEST:
        return None
    words = _parts(word)
    said = frozenset(words)
    if said & _URGENT:
        return None if said & _NOT_URGENT else "urgent"
    if said & _NO_PRESS or _stops(words):
        return None
    if said & _RELEASE:
        return "single" if "short" in said and not said & _LONG else None
    if said & _LONG:
        return "long"
    if "multi" in said and said & _FINGER:
        return _counted(words)
    counted = next((_COUNTS[one] for one in words if one in _COUNTS), None)
    if counted is not None or said & _FINGER:
        return counted or "single"
    # nothing but the name of a button: `button_2`, `key1`, `2_short`
    named = said & (_BUTTONS | {"short"})
    return "single" if named and all(one in named or one in _PLACES or one.isdigit() for one in words) else None


def read_press(key: str, word: str, at: Instant | None = None) -> Press | ButtonWord:
    """What a device of that key means by `word`, not empty, said where it tells of a finger."""
    kind = press_kind(word)
    return ButtonWord(key, word[:LONGEST], at) if kind is None else Press(key, kind, None, at)


def _parts(word: str) -> list[str]:
    """Its words in small letters: `button1Hold` is button, 1, hold; a count in figures is its word: `2x` is double."""
    text = _NEW_WORD.sub("_", word).lower()
    text = _TIMES.sub(lambda found: f"_{_times(int(found[1]))}_", text)
    return _WORDS.findall(_GLUED.sub(r"_\1_\2", text))


def _stops(words: list[str]) -> bool:
    """`hold_stop` is the end of a press; `stop_hold` is a press of the button that stops a shutter."""
    stop = next((place for place, one in enumerate(words) if one in ("stop", "stopped")), None)
    return stop is not None and any(one in _FINGER or one in _LONG for one in words[:stop])


def _times(count: int) -> str:
    return {1: "single", 2: "double", 3: "triple"}.get(count, "many")


def _counted(words: list[str]) -> str:
    """`multi_press_3` says how often; without a figure it is many."""
    figures = [int(one) for one in words if one.isdigit()]
    return _times(figures[-1]) if figures else "many"
