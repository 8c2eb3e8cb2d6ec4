"""`kill -9` in the middle of a storm: two thousand homes are told of a power cut, half of them of a credit in the same
letter, and each hears each exactly once, or a person is asked to ring them."""

import random
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlmodel import col, select

from benchmarks.outbox import fill_outbox
from gateway.config.settings import Channels, Settings, Smtp, Webhook
from gateway.flow.deliver import deliver
from gateway.flow.gateway import Gateway
from gateway.model import MINUTE, Contact, Notification, RecipientKind
from gateway.notifications.channels import build_channels
from gateway.store import Store
from tests.drivers.load_check import count, rows
from tests.fixtures.gateway_process import HOOK_SECRET, SECRET, GatewayProcess
from tests.fixtures.servers import HOST, Mosquitto, SmtpServer, WebhookServer, wait_until

HOMES, KILLS = 2000, 10
_DONE = "SELECT count(*) FROM notification WHERE topic IN ('outage', 'goodwill') AND due_at IS NULL"
_BOTH = HOMES + HOMES // 2  # messages


def storm(broker: Mosquitto, sink: WebhookServer, post: SmtpServer, store: Store, url: str, folder: Path, seed: int
          ) -> None:
    """Every second home reads mail, where nobody can tell a second copy, and where the credit comes in the same letter;
    the others have web hooks, which can."""
    fill_outbox(store, sink.url, HOMES)
    with store.write() as session:
        session.connection().execute(text(
            "UPDATE contact SET channel = 'email', address = owner_id || '@example.com' WHERE owner_id LIKE '%1' OR "
            "owner_id LIKE '%3' OR owner_id LIKE '%5' OR owner_id LIKE '%7' OR owner_id LIKE '%9'"))
        told = session.exec(select(Notification).join(Contact, col(Contact.owner_id) == Notification.recipient_id)
                            .where(Contact.channel == "email")).all()
        session.add_all([Notification(**row.model_dump() | {
            "id": row.id.replace("N-", "G-"), "topic": "goodwill", "occurrence": "gesture",
            "facts": {"price": "20.00 EUR", "credited_for": "gesture"}}) for row in told])
        session.add(Contact(id="k-desk", owner_kind=RecipientKind.DISPATCHER, channel="webhook",
                            address=f"{sink.url}/desk"))
    dice, killed_in_it = random.Random(seed), 0
    mail = {"CHANNELS__EMAIL__HOST": HOST, "CHANNELS__EMAIL__PORT": str(post.port),
            "CHANNELS__EMAIL__SENDER": "service@wiesental.example", "CHANNELS__EMAIL__SECURITY": "none"}
    with GatewayProcess(folder, url, broker.port, more=mail) as gateway:
        for number in range(KILLS):
            enough = _BOTH * (number + dice.random()) / (KILLS + 1)
            wait_until(lambda enough=enough: count(store, _DONE) >= enough, 120, "so many of them")
            gateway.kill()
            killed_in_it += count(store, _DONE) < _BOTH
            gateway.start()
        wait_until(lambda: not count(store, "SELECT count(*) FROM notification WHERE state = 'queued'"), 120, "the end")
        gateway.stop()
    assert killed_in_it >= KILLS // 2
    _take_over_what_dead_gateways_held(store, url, post)
    _each_was_told_once_or_is_rung(store, sink, post)


def _take_over_what_dead_gateways_held(store: Store, url: str, post: SmtpServer) -> None:
    settings = Settings(database_url=url, secret=SecretStr(SECRET), channels=Channels(
        webhook=Webhook(secret=SecretStr(HOOK_SECRET), allow_private=True),
        email=Smtp(host=HOST, port=post.port, sender="service@wiesental.example", security="none")))
    gw = Gateway(settings, store, {}, build_channels(settings))
    now = count(store, "SELECT max(created_at) FROM notification")
    for minutes in (5, 30, 60):
        deliver(gw, now + minutes * MINUTE)


def _each_was_told_once_or_is_rung(store: Store, sink: WebhookServer, post: SmtpServer) -> None:
    states = dict(rows(store, "SELECT id, state FROM notification WHERE topic IN ('outage', 'goodwill')"))
    assert len(states) == _BOTH
    assert set(states.values()) <= {"sent", "unknown"}
    listed = {key for (key,) in rows(store, "SELECT id FROM notification WHERE list_id IS NOT NULL")}
    assert {key for key, state in states.items() if state == "unknown"} <= listed, "a person is asked to ring them"
    letters = [(mail.to[0].partition("@")[0], mail.text) for mail in post.mails if mail.to]
    read = Counter([f"N-{home}" for home, said in letters if "power cut" in said]
                   + [f"G-{home}" for home, said in letters if "20.00" in said])
    assert not [key for key, times in read.items() if times > 1], "nothing twice by mail"
    assert sum("power cut" in said and "20.00" in said for _, said in letters) > HOMES // 4, "most in one letter"
    ids = {(hook.path, hook.headers["webhook-id"]) for hook in sink.posts if hook.path != "/desk"}
    assert len(ids) == len({path for path, _ in ids}), "under one id only, by which its receiver can tell"
    heard = read.keys() | {f"N-{path.strip('/')}" for path, _ in ids}
    assert {key for key, state in states.items() if state == "sent"} <= heard
    assert rows(store, "SELECT notification_id FROM attempt WHERE outcome = 'sent' GROUP BY 1 HAVING count(*) > 1"
                ) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_kills_in_a_storm(memory_only_mosquitto: Mosquitto, webhook_server: WebhookServer, smtp_server: SmtpServer,
                              store: Store, sqlite_url: str, tmp_path: Path, random_seed: int) -> None:
    storm(memory_only_mosquitto, webhook_server, smtp_server, store, sqlite_url, tmp_path, random_seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_kills_in_a_storm_on_postgresql(
        memory_only_mosquitto: Mosquitto, webhook_server: WebhookServer, smtp_server: SmtpServer, postgres_url: str,
        tmp_path: Path, random_seed: int) -> None:
    with closing(Store(postgres_url)) as store:
        storm(memory_only_mosquitto, webhook_server, smtp_server, store, postgres_url, tmp_path, random_seed + 1)
