"""What a message of several things is called."""

from collections.abc import Sequence

from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_values import number


def title_of_several(devices: Sequence[str], homes: Sequence[str], catalogue: Catalogue) -> str:
    """E.g. "3 things about your heat pump". `devices`, `homes`: of each piece, "" where it is about none."""
    said, count = "home", len(devices)
    if len(set(homes) - {""}) > 1:
        said = "homes"
    elif devices[0] and len(set(devices)) == 1:
        said = "device"
    return catalogue.plural(f"message.together.{said}", count, device=devices[0],
                            count=number(count, locale=catalogue.locale))
