"""`gateway device` as an operator types it in Alice's, Bob's and Charlie's town, and what it leaves behind."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.__main__ import app
from gateway.model import Device, Unclaimed
from gateway.store import Store
from tests import ROOT
from tests.fixtures.sample_fleet import save_sample_fleet

Run = Callable[..., Result]


def commands(tmp_path: Path, sqlite_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("add", …)` is `gateway device add …` in Alice's, Bob's and Charlie's town; `code` is the exit code."""
    monkeypatch.setenv("GATEWAY_MQTT__PASSWORD", "the gateway's own")
    save_sample_fleet(store)
    settings = tmp_path / "gateway.yaml"
    settings.write_text(f"database_url: {sqlite_url}\nprofiles: {ROOT / 'profiles'}\nbroker_files: broker\n"
                        "mqtt: {username: gateway}\n")

    def gateway(*words: str, code: int = 0, group: str = "device") -> Result:
        result = CliRunner().invoke(app, [*([group] if group else []), *words, "--config", str(settings)])
        assert result.exit_code == code, result.output
        return result

    return gateway


def add(run: Run, device: str, *more: str, code: int = 0) -> Result:
    return run("add", device, "--profile", "heat-pump", "--site", "alice-home", *more, code=code)


def speaks(store: Store, key: str, **more: str) -> None:
    """Somebody unknown is heard under `key`."""
    with store.write() as session:
        session.add(Unclaimed(key=key, topic="a/topic", first_seen_at=1_788_264_000_000,
                              last_seen_at=1_788_264_060_000, messages=3, **more))


def device_row(store: Store, device: str) -> Device:
    with store.read() as session:
        found = session.get(Device, device)
    assert found is not None
    return found


def file(tmp_path: Path, name: str) -> str:
    return (tmp_path / "broker" / name).read_text()
