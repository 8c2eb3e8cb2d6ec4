"""A client generated from our own description, as any other program would have it: openapi-python-client in an
environment of its own, because its typer is another than ours."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway.store import Store
from gateway.store.accounts.api_keys import create_key
from tests import ROOT
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.servers import Mosquitto

GENERATOR = "openapi-python-client==0.29.1"
USE = ROOT / "tests" / "fixtures" / "generated_client" / "use.py"


def run(*command: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(one) for one in command], cwd=cwd, capture_output=True, text=True, timeout=240,
                          check=False)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its programs."""
    home = tmp_path_factory.mktemp("generator")
    made = run(sys.executable, "-m", "venv", home, cwd=home)
    assert made.returncode == 0, made.stderr
    pip = run(home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "-qq", GENERATOR,
              cwd=home)
    if pip.returncode != 0:
        pytest.skip(f"pip cannot install {GENERATOR}: {pip.stderr.strip()[-200:]}")
    return home / "bin"


@pytest.mark.slow
def test_a_generated_client_lists_reads_opens_acts_searches_and_follows_the_news(
    generator: Path, tmp_path: Path, sqlite_url: str, store: Store, mosquitto: Mosquitto
) -> None:
    save_hundred_sites(store, 1)
    with store.write() as session:
        key = create_key(session, "generated", "agent", 1)
    with GatewayProcess(tmp_path, sqlite_url, mosquitto.port) as gateway:
        gateway.wait_until_listening(store)
        description = tmp_path / "openapi.json"
        description.write_bytes(httpx.get(f"{gateway.url}/openapi.json").content)
        made = run(generator / "openapi-python-client", "generate", "--path", description, "--meta", "none",
                   "--output-path", tmp_path / "service_client", cwd=tmp_path)
        assert made.returncode == 0, made.stdout + made.stderr
        assert "Unable" not in made.stdout, made.stdout
        used = run("env", f"PYTHONPATH={tmp_path}", generator / "python", USE, gateway.url, key, cwd=tmp_path)
        assert used.stdout == "all typed\n", used.stderr
