"""A newcomer's own installation: `gateway init` writes what works, in a clone and from a wheel, overwriting nothing."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from gateway.__main__ import app
from tests import ROOT
from tests.fixtures.servers import Mosquitto, free_port, wait_until


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gateway(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result


def test_a_new_folder_is_in_order_and_its_fleet_goes_in(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "gateway check" in gateway("init", "my-service").output
    monkeypatch.chdir(elsewhere / "my-service")
    assert sorted(path.name for path in (elsewhere / "my-service").iterdir()) == [
        "fleet.yaml", "gateway.yaml", "mappings", "profiles", "sla.yaml"]
    assert {"heat-pump.yaml", "heat-pump.tests.yaml"} <= {path.name for path in Path("profiles").iterdir()}
    checked = gateway("check").output
    assert "all in order" in checked
    assert "as shipped" not in checked, "its own profiles are used"
    assert "0 changed" in gateway("import").output
    assert (elsewhere / "my-service" / "gateway.db").exists()


def test_nothing_is_overwritten(elsewhere: Path) -> None:
    (elsewhere / "mine" / "profiles").mkdir(parents=True)
    (elsewhere / "mine" / "profiles" / "relay.yaml").write_text("mine")
    (elsewhere / "mine" / "notes.txt").write_text("mine too")
    told = gateway("init", "mine", code=1).output
    assert "mine/profiles/relay.yaml: there already" in told
    assert "nothing was written" in told.replace("\n", " ")
    assert sorted(path.name for path in (elsewhere / "mine").rglob("*")) == ["notes.txt", "profiles", "relay.yaml"]
    (elsewhere / "mine" / "profiles" / "relay.yaml").unlink()
    gateway("init", "mine")
    assert (elsewhere / "mine" / "notes.txt").read_text() == "mine too"
    assert re.search(r"mine/fleet.yaml and \d+ more: there already", gateway("init", "mine", code=1).output)


def test_a_folder_that_cannot_be_written_is_said_in_words(elsewhere: Path) -> None:
    (elsewhere / "file").write_text("no folder")
    told = gateway("init", "file/inside", code=1).output
    assert "file" in told
    assert "Traceback" not in told


def test_the_example_works_where_it_is_copied_to(elsewhere: Path) -> None:
    shutil.copytree(ROOT / "example", elsewhere / "copied" / "deep")
    told = gateway("check", "--config", "copied/deep/gateway.yaml").output
    assert "all in order" in told
    assert "shipped)" in told
    assert "customers" in told, "its fleet is checked too"
    gateway("import", "--config", "copied/deep/gateway.yaml")
    assert (elsewhere / "copied" / "deep" / "gateway.db").exists()


def test_profiles_beside_the_settings_go_before_the_shipped_ones_wherever_one_stands(elsewhere: Path) -> None:
    (elsewhere / "etc" / "profiles").mkdir(parents=True)
    (elsewhere / "etc" / "gateway.yaml").write_text("readings_days: 3\n")
    (elsewhere / "etc" / "profiles" / "freezer.yaml").write_text("profile: freezer\nname: {en: freezer}\n")
    assert "freezer" in gateway("check", "--config", "etc/gateway.yaml").output
    (elsewhere / "etc" / "gateway.yaml").write_text("profiles: kinds\n")
    told = gateway("check", "--config", "etc/gateway.yaml", code=1).output
    assert "no *.yaml in this folder" in told.replace("\n", " ")


def test_a_fleet_file_must_be_named_somewhere(elsewhere: Path) -> None:
    assert "no fleet file — expected one here, or in the settings as fleet" in gateway("import", code=1).output


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as a packager does it: a source archive first, and the wheel from nothing else than that."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    source.mkdir()
    for name in ("gateway", "device_sim", "profiles", "example"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / name, source / name)
    archive = "from setuptools import build_meta; print(build_meta.build_sdist('.'))"
    subprocess.run([sys.executable, "-c", archive], cwd=source, check=True, capture_output=True, timeout=120)
    [packed] = source.glob("*.tar.gz")
    with tarfile.open(packed) as opened:
        opened.extractall(work / "unpacked", filter="data")
    [unpacked] = (work / "unpacked").iterdir()
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q", "-w",
                    str(work), str(unpacked)], check=True, capture_output=True, timeout=300)
    [built] = work.glob("*.whl")
    return built


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """`installed("check", …)` starts that command of a fresh virtual environment, which needs no network: the libraries
    are this one's, and this project is not among them."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "-q",
                    str(wheel)], check=True, capture_output=True, timeout=120)
    [site] = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")  # not its .pth files: no editable install
    here = {name: value for name, value in os.environ.items()
            if not name.startswith("GATEWAY_") and name != "PYTHONPATH"}
    started = []

    def start(*words: str, cwd: Path = tmp_path, **variables: str) -> "subprocess.Popen[str]":
        command = [str(python.with_name("gateway")), *words]
        process = subprocess.Popen(command, cwd=cwd, env={**here, **variables}, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_wheel_carries_the_profiles_once_and_nothing_of_the_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert [name for name in names if name.endswith("/relay.yaml")] == ["gateway/starter/profiles/relay.yaml"]
    for file in (ROOT / "profiles").iterdir():
        assert f"gateway/starter/profiles/{file.name}" in names
    assert "gateway/starter/gateway.yaml" in names
    assert not [name for name in names if name.partition("/")[0] in ("tests", "profiles", "example", "benchmarks")]


@pytest.mark.slow
def test_from_a_wheel_in_a_fresh_environment_to_a_gateway_that_is_ready(
        installed: Callable[..., "subprocess.Popen[str]"], tmp_path: Path, mosquitto: Mosquitto) -> None:
    def done(*words: str, cwd: Path = tmp_path) -> str:
        process = installed(*words, cwd=cwd)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        return said

    done("init", "my-service")
    mine = tmp_path / "my-service"
    assert "all in order" in done("check", cwd=mine)
    assert "devices" in done("import", cwd=mine)
    assert "as shipped" in done("check").replace("\n", " "), "without any file the shipped profiles are used"
    port = str(free_port())
    running = installed("run", cwd=mine, GATEWAY_MQTT__PORT=str(mosquitto.port), GATEWAY_WEB__PORT=port)
    wait_until(lambda: ready(port) or running.poll() is not None, 60, "the gateway to be ready")
    assert running.poll() is None
    running.terminate()
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 0, said


def ready(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False
