"""`gateway check`: whether the operator's colour can be read, and whether the logo can be shown."""

from collections.abc import Iterator

from gateway.config.branding.colours import BLACK, DARK, ENOUGH, LIGHT, WHITE, contrast, lowest, nearest
from gateway.config.branding.logo import BadLogo, read_logo
from gateway.config.settings import Settings


def branding_errors(settings: Settings) -> Iterator[str]:
    if settings.branding.logo is not None:
        try:
            read_logo(settings.branding.logo)
        except BadLogo as bad:
            yield f"branding.logo: {str(settings.branding.logo)!r} — {bad}"
    if settings.branding.colour_dark and not settings.branding.colour:
        yield ("branding.colour_dark: only together with branding.colour, which light pages and mails use — expected "
               "both, or branding.colour alone")


def branding_warnings(settings: Settings) -> Iterator[str]:
    """A colour that pages and mails replace by a shade that people can read."""
    colour, dark = settings.branding.colour, settings.branding.colour_dark
    if colour and (shade := nearest(colour, LIGHT, BLACK)) != colour:
        yield (f"branding.colour: {colour!r} is too pale: its contrast is {contrast(colour, WHITE):.1f}:1 with white "
               f"text on it and {lowest(colour, LIGHT):.1f}:1 on light pages, where people need {ENOUGH}:1 — expected "
               f"{shade!r}, the nearest shade that can be read; until then it is used in its place")
    if dark and (shade := nearest(dark, DARK, WHITE)) != dark:
        yield (f"branding.colour_dark: {dark!r} is too dark: its contrast is {lowest(dark, DARK):.1f}:1 on dark pages, "
               f"where people need {ENOUGH}:1 — expected {shade!r}, the nearest shade that can be read; until then it "
               "is used in its place")


def branding_row(settings: Settings) -> str:
    """For the table of what was checked: the colour as pages show it."""
    if not settings.branding.colour:
        return ""
    light = nearest(settings.branding.colour, LIGHT, BLACK)
    dark = nearest(settings.branding.colour_dark or settings.branding.colour, DARK, WHITE)
    return (f"{light} on light pages ({contrast(light, WHITE):.1f}:1 with white, at least {lowest(light, LIGHT):.1f}:1)"
            f", {dark} on dark ones (at least {lowest(dark, DARK):.1f}:1)")
