"""A gateway with its web, and browsers."""

from collections.abc import Iterator

import pytest

from gateway.store import Store
from tests.drivers.web_driver import WebStory, console_story


@pytest.fixture
def there(both_stores: Store) -> Iterator[WebStory]:
    with console_story(both_stores) as there:
        yield there
