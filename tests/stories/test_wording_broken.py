"""The operator words a message; when their template breaks, ours goes out, and the dispatcher hears of it."""

from pathlib import Path

import pytest

from gateway.model import DAY, HOUR
from gateway.notifications.catalogues import load_overrides, messages
from gateway.store import Store
from tests.drivers.delivery_driver import NOON, DeliveryDriver, delivery_driver
from tests.fixtures import servers

# what `gateway check` cannot foresee: the time is known in every example, and one day it is not
BREAKS_WITHOUT_TIME = "{{ device }} is out of order.\nYou hear from us by {{ when(next_word) }}."


@pytest.fixture
def office(both_stores: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer
           ) -> DeliveryDriver:
    return delivery_driver(both_stores, smtp_server, webhook_server)


def worded(office: DeliveryDriver, folder: Path, **files: str) -> None:
    """The gateway starts with these templates: `en__resolved__subject="…"`."""
    for name, text in files.items():
        language, topic, form = name.split("__")
        (folder / language).mkdir(parents=True, exist_ok=True)
        (folder / language / f"{topic}.{form}.j2").write_text(text)
    office.messages = messages().with_overrides(load_overrides(folder))


def to_the_desk(webhook_server: servers.WebhookServer) -> list[str]:
    return [post.body.decode() for post in webhook_server.posts if b"wording_broken" in post.body]


def test_the_operators_words_go_out_in_the_place_of_ours(
        office: DeliveryDriver, smtp_server: servers.SmtpServer, tmp_path: Path) -> None:
    worded(office, tmp_path / "wording", en__fault_found__subject="Trouble with {{ device }} ({{ number }})",
           en__fault_found__long="We look after {{ device }}.")
    office.tell("fault_found", "1", critical=True)
    office.deliver()
    [mail] = smtp_server.mails
    assert mail.message["Subject"].startswith("Trouble with ")
    assert "We look after " in mail.text
    assert mail.text.startswith("Hello Alice")
    assert "Wiesental Service, +41 44 668 18 00" in mail.text


def test_a_template_that_breaks_lets_our_words_go_out_and_the_dispatcher_hears_of_it_once_a_day(
        office: DeliveryDriver, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer,
        tmp_path: Path) -> None:
    worded(office, tmp_path / "wording", en__page_link__long=BREAKS_WITHOUT_TIME,
           en__page_link__subject="{{ device }} (yours)")
    for turn in range(3):
        office.now = NOON + turn * HOUR
        office.tell("page_link", str(turn))
        office.deliver(NOON + turn * HOUR)
        office.deliver(NOON + turn * HOUR + 1)
    assert len(smtp_server.mails) == 3
    assert all("(yours)" in mail.message["Subject"] for mail in smtp_server.mails)  # the other one is in order
    assert all("is out of order" not in mail.text for mail in smtp_server.mails)
    [told] = to_the_desk(webhook_server)
    assert "en/page_link.long" in told
    assert "line 2" in told
    assert "Alice" not in told
    office.now = NOON + DAY + HOUR
    office.tell("page_link", "9")
    office.deliver(NOON + DAY + HOUR)
    office.deliver(NOON + DAY + HOUR + 1)
    assert len(to_the_desk(webhook_server)) == 2
