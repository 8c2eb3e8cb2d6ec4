"""Starts and stops everything the demo needs: broker, database, mail server, webhook, gateway and devices."""

import base64
import logging
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from gateway.app.check import load_fleet
from gateway.app.clock import now
from gateway.app.main import Running, start
from gateway.config.fleet_file import Fleet
from gateway.config.settings import Channels, Mqtt, Offers, OfferWaves, Service, Settings, Smtp, Web, Webhook
from gateway.config.settings_loader import BadSettings, ensure_secret
from gateway.demo.mail_and_webhook import HOST, Mailbox, mail_server, web_hook
from gateway.demo.simulation import Devices, devices
from gateway.devices.dialects import understand
from gateway.flow.accounts.users import add_user, sign_in_link, welcome
from gateway.model import Actor, ActorKind, Instant, Role
from gateway.monitoring import logs
from gateway.mqtt.local_broker import Broker, chosen, free_port, installed_brokers, start_broker
from gateway.store import Store
from gateway.store.accounts.api_keys import create_key, find_key
from gateway.store.accounts.users import by_email
from gateway.store.fleet import save_fleet
from gateway.store.migrations import made_before_02

HERE = Path(__file__).parent
WEB_PORT = 8080  # when it is free
KEY_NAME = "demonstration"
DATABASE = "gateway.db"


class Account(NamedTuple):
    """Somebody at the console."""

    name: str
    email: str
    role: Role


GUEST = Account("You", "you@wiesental.example", Role.OPERATOR)  # whoever watches
AGENT = Account("Lea Vogel", "lea.vogel@wiesental.example", Role.AGENT)


@dataclass(frozen=True)
class RunningDemo:
    """The running demo: gateway, broker, devices and mailbox, with the address and key of its API."""

    url: str  # of the gateway's web
    key: str  # for its API, with the role agent
    console: str  # the address that signs whoever watches in
    agent: str  # the address where the town's agent sets her password
    since: Instant  # when it was started
    mailbox: Mailbox
    fleet: Fleet
    devices: Devices
    broker: Broker
    running: Running


def rename_old_data(data: Path) -> Path | None:
    """Renames a folder whose database was made before 0.2, which no migration can bring up to date, to
    `<its name>-<today>`; returns that, or None when the folder can be used, or is not there."""
    database = data / DATABASE
    if not database.exists():
        return None
    with closing(Store(f"sqlite:///{database.resolve()}")) as store:
        if not made_before_02(store):
            return None
    old = data.resolve()
    dated = f"{old.name}-{time.strftime('%Y-%m-%d')}"
    free = next(path for number in count(1)
                if not (path := old.with_name(dated if number == 1 else f"{dated}-{number}")).exists())
    return old.rename(free)


@contextmanager
def town(data: Path, kind: str = "auto", play: bool = False) -> Iterator[RunningDemo]:
    """Runs the demo until the block ends; its state is kept in `data` for the next time. `play`: a call is promised
    within a minute, so that who lets it wait sees what follows. Raises NoBroker."""
    minutes = 1 if play else 30
    data.mkdir(parents=True, exist_ok=True)
    hook_secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    mailbox = Mailbox()
    with (_log_to(data / "gateway.log"),
          start_broker(data / "broker", find=lambda: chosen(installed_brokers(), kind), filters=_filters()) as broker,
          mail_server(mailbox) as mail_port,
          web_hook(mailbox, hook_secret, _same_port(data / "web-hook-port")) as hook):
        settings = ensure_secret(_settings(data, broker, mail_port, hook_secret, _web_port(), minutes))
        try:
            running = start(settings, our_broker=broker.ours)
        except BadSettings:  # another demonstration was as quick as we
            settings = ensure_secret(_settings(data, broker, mail_port, hook_secret, free_port(), minutes))
            running = start(settings, our_broker=broker.ours)
        try:
            fleet, key = _import_fleet(running, data / "town.yaml", hook)
            console, agent = _console_links(running)
            with devices(fleet, data / "scenario.yaml", broker.port) as living:
                try:
                    yield RunningDemo(url=settings.web.public_url, key=key, console=console, agent=agent, since=now(),
                                      mailbox=mailbox, fleet=fleet, devices=living, broker=broker, running=running)
                finally:
                    _revoke(running, key)
                    running.stop()  # before the devices say goodbye: that everybody leaves at once is no outage
        finally:
            running.stop()


def _filters() -> list[str]:
    return understand(Settings().dialects).filters


def _settings(data: Path, broker: Broker, mail_port: int, hook_secret: str, port: int, minutes: int
              ) -> Settings:
    values: dict[str, Any] = {
        "database_url": f"sqlite:///{(data / DATABASE).resolve()}",
        "profiles": HERE / "profiles",
        "mqtt": Mqtt(host=broker.host, port=broker.port, version="3.1.1" if broker.kind == "nats" else "5"),
        "web": Web(port=port, public_url=f"http://{HOST}:{port}"),
        "channels": Channels(
            email=Smtp(host=HOST, port=mail_port, sender="service@wiesental.example", security="none"),
            webhook=Webhook.model_validate({"secret": hook_secret, "allow_private": True})),
        # a fault that is gone is closed at once: the next demonstration begins without it
        "service": Service(name="Wiesental Service", phone="+41446681700", callback_minutes=minutes,
                           recurrence_minutes=0, settle_seconds=0, undo_seconds=0,
                           offers=_ONE_AT_A_TIME, callback_hours=_ALWAYS,
                           dispatcher=[{"channel": "email", "address": "desk@wiesental.example"}]),
    }
    return Settings(**values)


# a town has few firms: whoever watches sees one say no, and the next one yes
_ALWAYS = {day: [("00:00", "24:00")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}  # at any hour
_ONE_AT_A_TIME = Offers(urgent=OfferWaves(size=1), normal=OfferWaves(size=1))


def _same_port(file: Path) -> int:
    """The last demonstration's, where it is free: under another address nobody would be who was told of a fault then.
    """
    try:
        port = int(file.read_text())
        socket.create_server((HOST, port)).close()
    except (OSError, ValueError):
        port = free_port()
        file.write_text(str(port))
    return port


def _web_port() -> int:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server itself does
        try:
            trial.bind((HOST, WEB_PORT))
        except OSError:
            return free_port()
    return WEB_PORT


def _import_fleet(running: Running, file: Path, hook: str) -> tuple[Fleet, str]:
    """The fleet in the database, and a fresh key: nobody can read yesterday's."""
    file.write_text((HERE / "town.yaml").read_text(encoding="utf-8").replace("HOOK", hook), encoding="utf-8")
    fleet = load_fleet(file, running.gw.settings, dict(running.gw.profiles))
    with running.gw.store.write() as session:
        save_fleet(session, fleet, now())
        key = create_key(session, KEY_NAME, Role.AGENT, now())
    return fleet, key


def _console_links(running: Running) -> tuple[str, str]:
    """For whoever watches, who is signed in as somebody who may do everything, and for the town's agent; yesterday's
    links no longer work."""
    settings = running.gw.settings
    with running.gw.store.write() as session:
        guest, agent = (by_email(session, one.email) or add_user(session, *one, None, Actor(ActorKind.OPERATOR), now())
                        for one in (GUEST, AGENT))
        return sign_in_link(settings, session, guest.id, now()), welcome(settings, session, agent.id, now())


def _revoke(running: Running, key: str) -> None:
    with running.gw.store.write() as session:
        if row := find_key(session, key):
            row.revoked_at = now()
            session.add(row)


@contextmanager
def _log_to(file: Path) -> Iterator[None]:
    """Sends the gateway's log to a file, so that it does not disturb the screen."""
    with file.open("a", encoding="utf-8") as out:
        logs.configure("json")
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(out)
        try:
            yield
        finally:
            logging.getLogger().handlers.clear()
