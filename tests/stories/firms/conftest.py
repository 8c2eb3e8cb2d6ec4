"""A gateway with its web, browsers, and a firm that opens its own page."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.config.settings import Channels, Settings, Smtp
from gateway.notifications.channels import build_channels
from gateway.store import Store
from tests.drivers.web_driver import WebStory, console_story
from tests.fixtures.servers import HOST, SmtpServer, smtp_server
from tests.stories.firms.own_page import OwnPage


@pytest.fixture
def there(both_stores: Store) -> Iterator[WebStory]:
    with console_story(both_stores) as there:
        yield there


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


@pytest.fixture
def kunz(there: WebStory, web: httpx.Client) -> OwnPage:
    """Kunz Heating, which is asked first in Wiesental."""
    return OwnPage(there, web, "kunz")


@pytest.fixture
def seeblick(there: WebStory, web: httpx.Client) -> OwnPage:
    """Seeblick Service, which reads German."""
    return OwnPage(there, web, "seeblick")


@pytest.fixture
def post(there: WebStory) -> Iterator[SmtpServer]:
    with smtp_server() as box:
        settings = Settings(channels=Channels(email=Smtp(
            host=HOST, port=box.port, sender="service@wiesental.example", sender_name="Wiesental Service",
            security="none")))
        there.gw.channels["email"] = build_channels(settings)["email"]
        yield box
