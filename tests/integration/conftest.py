"""A real browser, and the console that it looks at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import Store
from tests.drivers.browser import Browser, browser
from tests.drivers.web_driver import WebStory, console_story


@pytest.fixture
def chrome(chromium: str, tmp_path: Path) -> Iterator[Browser]:
    with browser(chromium, tmp_path / "profile") as running:
        yield running


@pytest.fixture
def there(store: Store) -> Iterator[WebStory]:
    with console_story(store) as there:
        yield there
