"""`gateway run` when it cannot have the address it wants for its web: it says which setting, and disturbs nobody."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.app.main import start
from gateway.config.settings import Mqtt, Settings, Web
from gateway.config.settings_loader import BadSettings
from tests import ROOT
from tests.fixtures.hundred_sites import write_profiles
from tests.fixtures.servers import HOST, free_port

SECRET = SecretStr("a secret of the village, long enough for a test")


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    return write_profiles(tmp_path / "profiles")


def test_a_port_in_use_is_said_with_its_setting_and_the_broker_is_left_alone(sqlite_url: str, profiles: Path) -> None:
    with socket.create_server((HOST, 0)) as taken, socket.create_server((HOST, 0)) as broker:
        port = taken.getsockname()[1]
        settings = Settings(database_url=sqlite_url, profiles=profiles, secret=SECRET, web=Web(port=port),
                            mqtt=Mqtt(port=broker.getsockname()[1]))
        with pytest.raises(BadSettings, match=f"web.port: {port} — another program uses it"):
            start(settings)
        broker.settimeout(0.1)
        with pytest.raises(TimeoutError):
            broker.accept()  # a second gateway would have taken the first one's place there


def test_an_address_of_another_machine_is_said_with_its_setting(sqlite_url: str, profiles: Path) -> None:
    settings = Settings(database_url=sqlite_url, profiles=profiles, secret=SECRET,
                        web=Web(host="192.0.2.1", port=free_port()))
    with pytest.raises(BadSettings, match=r"web.host: '192.0.2.1' — .*expected an address of this machine"):
        start(settings)


@pytest.mark.slow
def test_the_operator_reads_it_in_one_line_and_the_process_ends(tmp_path: Path, profiles: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        here = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        here |= {"PYTHONPATH": str(ROOT), "GATEWAY_PROFILES": str(profiles), "GATEWAY_WEB__PORT": port,
                 "GATEWAY_MQTT__PORT": str(free_port())}
        ended = subprocess.run([sys.executable, "-m", "gateway", "run"], env=here, cwd=tmp_path, check=False,
                               capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == (f"✗ web.port: {port} — another program uses it, perhaps another gateway; "
                            "expected a free port\n")
