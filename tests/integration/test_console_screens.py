"""Every screen of the console, in a real browser: nothing to scroll for sideways, nothing that the browser refuses."""

from collections.abc import Iterator

import pytest

from gateway.store import Store
from tests.drivers.browser import Browser
from tests.drivers.console_pictures import SIZES, seats, show, shown_town
from tests.fixtures.pictured_town import PicturedTown

pytestmark = pytest.mark.slow


@pytest.fixture
def there(store: Store) -> Iterator[PicturedTown]:
    with shown_town(store) as there:
        yield there


@pytest.mark.parametrize("size", SIZES)
def test_every_screen_fits_at_this_width(there: PicturedTown, chrome: Browser, size: str) -> None:
    tab, too_wide = chrome.tab(), []
    for name, who, path in seats(there):
        show(tab, there, who, path, SIZES[size], "light")
        too_wide += [f"{name}: {found}" for found in tab.run(
            "[document.documentElement, ...document.querySelectorAll('.scroll')].filter(one => "
            "one.scrollWidth > one.clientWidth).map(one => one.className || one.tagName)")]
    assert too_wide == []
    assert [line for line in tab.said if "Content Security Policy" in line] == []
