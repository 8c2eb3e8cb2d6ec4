"""A gateway with its web, and programs with keys."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.store import Store
from tests.drivers.web_driver import WebStory, console_story


@pytest.fixture
def there(both_stores: Store) -> Iterator[WebStory]:
    with console_story(both_stores) as there:
        yield there


@pytest.fixture
def agent(there: WebStory) -> Iterator[httpx.Client]:
    yield from _program(there, "agent")


@pytest.fixture
def operator(there: WebStory) -> Iterator[httpx.Client]:
    yield from _program(there, "operator")


@pytest.fixture
def auditor(there: WebStory) -> Iterator[httpx.Client]:
    yield from _program(there, "auditor")


@pytest.fixture
def reader(there: WebStory) -> Iterator[httpx.Client]:
    yield from _program(there, "read")


def _program(there: WebStory, role: str) -> Iterator[httpx.Client]:
    with there.client(there.key(role)) as client:
        client.base_url = f"{there.base}/api/v1/"
        yield client
