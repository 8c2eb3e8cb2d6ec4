"""Creates a gateway's files for a benchmark: settings, an empty database and an imported fleet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import event

from gateway.app.check import load_fleet
from gateway.calendars.opening_hours import DAYS
from gateway.config.fleet_file import Fleet
from gateway.config.profiles_and_mappings import load_profiles
from gateway.config.settings import Channels, Service, Settings, Webhook
from gateway.devices.dialects import understand
from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.notifications.channels import Channel, Sent
from gateway.store import Store
from gateway.store.fleet import save_dispatcher_contacts, save_fleet
from gateway.store.migrations import upgrade

PROFILES = Path(__file__).parents[1] / "profiles"  # those that are shipped


@dataclass
class House:
    """A gateway's files: a fresh database with the fleet in it, and the settings."""

    settings: Settings
    database: Path

    @property
    def filters(self) -> tuple[str, ...]:
        """What its listener subscribes to."""
        return tuple(understand(self.settings.dialects).filters)

    def open(self) -> Gateway:
        """A gateway as `run` makes it."""
        store = Store(self.settings.database_url)
        event.listen(store.engine, "connect", _without_waiting_for_the_disk)
        channel = Channel("webhook", "long", lambda address, message, ref: Sent("counted"))
        return Gateway(self.settings, store, load_profiles(self.settings.profiles), {"webhook": channel})


def settle(folder: Path, profiles: Path) -> House:
    """Settings for a gateway whose database will be in `folder`."""
    settings = Settings(
        database_url=f"sqlite:///{folder / 'gateway.db'}", secret="benchmark-" + "x" * 32, profiles=profiles,
        channels=Channels(webhook=Webhook(secret="whsec_" + "A" * 32)),
        service=Service(dispatcher=[{"channel": "webhook", "address": "https://desk.example/"}],
                        callback_hours=dict.fromkeys(DAYS, (("00:00", "24:00"),))))
    return House(settings, folder / "gateway.db")


def move_in(house: House, fleet: Fleet | str, now: Instant) -> None:
    """A fresh database with this fleet in it; YAML is read and checked as `gateway import` does, and everybody in it
    gets an address for messages."""
    if isinstance(fleet, str):
        file = house.database.with_name("fleet.yaml")
        file.write_text(_reachable(fleet), encoding="utf-8")
        fleet = load_fleet(file, house.settings, dict(load_profiles(house.settings.profiles)))
    store = Store(house.settings.database_url)
    event.listen(store.engine, "connect", _without_waiting_for_the_disk)
    upgrade(store)
    with store.write() as session:
        save_fleet(session, fleet, now)
        save_dispatcher_contacts(session, house.settings, now)
    store.close()


def _reachable(fleet: str) -> str:
    """The same fleet, and everybody has an address for messages."""
    data: dict[str, Any] = yaml.load(fleet, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for kind in ("customers", "providers"):
        for row in data[kind]:
            row["contacts"] = [{"channel": "webhook", "address": f"https://{kind}.example/{row['id']}"}]
    return yaml.dump(data, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False, allow_unicode=True)


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # what is measured here is judgement
