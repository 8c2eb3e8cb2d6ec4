"""Contrast of colours after WCAG 2.2, and the nearest shade of a colour that can be read."""

from collections.abc import Sequence
from typing import NamedTuple

ENOUGH = 4.5  # contrast of text, WCAG 2.2 success criterion 1.4.3
WHITE, BLACK = "#ffffff", "#000000"
# The grounds on which links and buttons stand: page.css and console.css name the same (tests/unit/web/test_brand.py).
LIGHT = ("#ffffff", "#f4f5f2", "#fdf0da", "#e0f0f5", "#e2f3e5", "#e9ecea", "#f2f4f3", "#f8f9f8", "#f0f5f5", "#e9edeb")
DARK = ("#12181a", "#1c2427", "#3a2a10", "#0f323d", "#14331e", "#273135", "#101618", "#181f22", "#1d2528", "#1f2a2e")
_STEPS = 256


class Shades(NamedTuple):
    """One colour as the pages use it; each contrasts with its grounds and with the text on it."""

    light: str  # where the page is light
    on_light: str  # text on it
    chosen_light: str  # a ground with a touch of it
    dark: str
    on_dark: str
    chosen_dark: str


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white). Colours as `#rrggbb`."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lowest(colour: str, grounds: Sequence[str]) -> float:
    """The contrast with the ground on which it is worst to read."""
    return min(contrast(colour, ground) for ground in grounds)


def nearest(colour: str, grounds: Sequence[str], towards: str) -> str:
    """The colour itself when it can be read on all grounds, else with as little black or white in it as it takes."""
    shades = (mixed(colour, towards, step / (_STEPS - 1)) for step in range(_STEPS))
    return next(shade for shade in shades if lowest(shade, grounds) >= ENOUGH)


def shades(colour: str, colour_dark: str = "") -> Shades:
    """`colour_dark`: for dark pages; "": a lighter shade of `colour`."""
    light, dark = nearest(colour, LIGHT, BLACK), nearest(colour_dark or colour, DARK, WHITE)
    return Shades(light, text_on(light), mixed(light, LIGHT[0], 0.88), dark, text_on(dark), mixed(dark, DARK[1], 0.8))


def text_on(colour: str) -> str:
    """White, or nearly black, whichever is read better."""
    return max((WHITE, "#0b1416"), key=lambda ink: contrast(ink, colour))


def mixed(colour: str, other: str, share: float) -> str:
    """`share` of the other in it, 0 to 1."""
    pairs = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at:at + 2], 16) for at in (1, 3, 5))


def _luminance(colour: str) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    red, green, blue = (part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
                        for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
