"""A gateway with its web, and an agent who uses the API."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.store import Store
from tests.drivers.web_driver import WebStory, web_story


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


@pytest.fixture
def agent(there: WebStory) -> Iterator[httpx.Client]:
    with there.client(there.key("agent")) as client:
        client.base_url = f"{there.base}/api/v1/"
        yield client
