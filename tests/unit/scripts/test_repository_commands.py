"""The doors of the repository: what a newcomer types first works, and says what is wrong when it cannot."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner, Result

from gateway import __version__
from gateway.__main__ import app
from gateway.model import Device
from gateway.store import Store
from tests import ROOT
from tests.fixtures.sample_fleet import SAMPLE_FLEET

SCRIPTS = ("scripts/demo", "scripts/test", "scripts/check", "scripts/endurance", "scripts/pictures",
           "scripts/without-optional-programs", ".ci/run")
EXAMPLE = ROOT / "example"
NOT_OURS = (".git", ".venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
            ".hypothesis", "demo-data", "build")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in, with nothing of ours in the environment but the way to the profiles."""
    for variable in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.yaml").write_text(
        f"profiles: {ROOT / 'profiles'}\nchannels: {{email: {{host: h, sender: a@b.c}}}}\n")
    return tmp_path


def gateway(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result


def ours() -> Iterator[Path]:
    for directory, inner, files in os.walk(ROOT):
        inner[:] = [name for name in inner if name not in NOT_OURS and not name.endswith(".egg-info")]
        yield from (Path(directory, name) for name in files)


def test_the_example_is_in_order() -> None:
    result = gateway("check", "--config", str(EXAMPLE / "gateway.yaml"), "--fleet", str(EXAMPLE / "fleet.yaml"))
    assert "all in order" in result.output


def test_check_names_every_error_of_settings_profiles_and_fleet(elsewhere: Path) -> None:
    (elsewhere / "profiles").mkdir()
    (elsewhere / "profiles" / "broken.yaml").write_text("profile: broken\nrulse: []\n")
    (elsewhere / "gateway.yaml").write_text("dialects: [nativ]\nmqtt: {key_file: k}\nservice:\n"
                                            "  callback_hours: {mun: []}\n  dispatcher: [{channel: fax, address: x}]\n")
    (elsewhere / "fleet.yaml").write_text("customers:\n  - {id: a, name: A, timezone: Mars/Olympus}\n")
    told = gateway("check", "--fleet", "fleet.yaml", code=1).output
    for words in ("dialects: 'nativ' — did you mean 'native'?", "mqtt.key_file: 'k' — expected a file",
                  "'mun' is no day", "service.dispatcher: channel 'fax'", "broken.yaml", "rulse",
                  "fleet.yaml:2: customers[0].timezone"):
        assert words in told.replace("\n", "")


@pytest.mark.parametrize(("variables", "expected"), [
    ({"CHANNELS__EMAIL__USERNAME": "us"}, "GATEWAY_CHANNELS__EMAIL__PASSWORD"),
    ({"CHANNELS__EMAIL__USERNAME": "us", "CHANNELS__EMAIL__PASSWORD": ""}, "GATEWAY_CHANNELS__EMAIL__PASSWORD"),
    ({"CHANNELS__EMAIL__PASSWORD": "hunter2"}, "channels.email.username is missing"),
    ({"DATABASE_URL": "postgresql://gateway@127.0.0.1:1/gateway"}, "GATEWAY_SECRET"),
])
def test_check_names_the_variable_of_a_secret_that_is_missing(
        elsewhere: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
    told = gateway("check", code=1).output.replace("\n", "")
    assert expected in told
    assert "hunter2" not in told


def test_a_fleet_goes_in_and_a_second_import_changes_nothing(elsewhere: Path) -> None:
    fleet = SAMPLE_FLEET.replace("profile: heat_pump", "profile: heat-pump").replace("profile: button",
                                                                                     "profile: help-button")
    (elsewhere / "fleet.yaml").write_text(re.sub(r"\n +- \{channel: sms.*", "", fleet))
    with (elsewhere / "gateway.yaml").open("a") as settings:
        settings.write("service: {callback_hours: {mon: [['08:00', '17:00']]}}\n")
    assert "would be " in gateway("import", "fleet.yaml", "--dry-run").output
    assert "0 changed" in gateway("import", "fleet.yaml").output
    assert "0 added, 0 changed, 0 gone" in gateway("import", "fleet.yaml").output
    store = Store(f"sqlite:///{elsewhere}/gateway.db")
    with store.read() as session:
        assert session.get(Device, "alice-pump") is not None
    store.close()


def test_a_dry_run_writes_nothing(elsewhere: Path) -> None:
    (elsewhere / "fleet.yaml").write_text("customers: [{id: a, name: A}]")
    for _ in range(2):
        assert "would be 1 added" in gateway("import", "fleet.yaml", "--dry-run").output


def test_a_wrong_fleet_is_refused_with_every_error_and_nothing_goes_in(elsewhere: Path) -> None:
    (elsewhere / "fleet.yaml").write_text(
        "customers:\n  - {id: a, name: A}\nsites:\n  - {id: s, customer: b}\n  - {id: t}\n")
    told = gateway("import", "fleet.yaml", code=1).output
    assert "fleet.yaml:4: sites[0].customer: 'b'" in told
    assert "fleet.yaml:5: sites[1].customer is missing" in told
    assert "Traceback" not in told
    assert not (elsewhere / "gateway.db").exists()


def test_a_key_is_shown_once_listed_and_revoked(elsewhere: Path) -> None:
    made = gateway("key", "create", "call centre", "--role", "agent")
    plain = made.stdout.strip()
    assert plain.startswith("psg_")
    listed = gateway("key", "list").output
    assert "call centre" in listed
    assert plain not in listed
    key_id = re.findall(r"K-\w{8}", listed)[0]
    gateway("key", "revoke", key_id)
    assert re.search(r"agent.*\d{4}-\d\d-\d\d.*\d{4}-\d\d-\d\d", gateway("key", "list").output)


@pytest.mark.parametrize(("words", "told"), [
    (("key", "create", "x", "--role", "boss"), "read, agent"),
    (("key", "revoke", "K-NOBODY"), "K-NOBODY"),
    (("import", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
    (("migrate", "--config", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
])
def test_a_mistake_is_answered_in_words(elsewhere: Path, words: tuple[str, ...], told: str) -> None:
    result = gateway(*words, code=1)
    assert told in result.output
    assert "Traceback" not in result.output


def test_a_database_that_does_not_answer_is_said_in_words(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://gateway:hunter2@127.0.0.1:1/gateway")
    told = gateway("migrate", code=1).output
    assert "the database does not answer" in told
    assert "hunter2" not in told


def test_migrate_says_what_it_did(elsewhere: Path) -> None:
    assert "applied 0200" in gateway("migrate").output
    assert "nothing to do" in gateway("migrate").output


@pytest.mark.slow
def test_migrate_creates_the_partitions_for_readings_on_postgresql(
        elsewhere: Path, empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", empty_postgres_url)
    monkeypatch.setenv("GATEWAY_READINGS_DAYS", "400")
    assert gateway("migrate").output.strip() == "applied 0200"
    with psycopg.connect(empty_postgres_url) as connection:
        partitions = connection.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'reading'::regclass")
        assert partitions.fetchone() in [(5,), (6,)]  # 13 days each, those of the last 30 days, and the default one


def test_the_version_is_one(elsewhere: Path) -> None:
    assert gateway("--version").output.strip() == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_bash_understands_it(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


def fake_python(directory: Path, script: str) -> str:
    path = directory / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(("script", "words"), [
    ("exit 1", "Python 3.11 or newer is needed"),
    ('case "$2" in *ensurepip*) exit 1;; esac', "sudo apt-get install python3-venv"),
])
def test_a_machine_that_lacks_something_is_told_what(tmp_path: Path, script: str, words: str) -> None:
    environ = {**os.environ, "PYTHON": fake_python(tmp_path, script)}
    done = subprocess.run(["bash", "-c", f"source {ROOT}/scripts/setup.sh; cd {tmp_path}; make_venv"], env=environ,
                          check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stdout == ""


def pinned() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def wanted(text: str, extras: Iterable[str]) -> Requirement | None:
    """The requirement in `text`, when this machine and one of `extras` call for it."""
    wish = Requirement(text)
    called = wish.marker is None or any(wish.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    return wish if called else None


def needed(texts: Iterable[str], extras: Iterable[str], seen: dict[str, str]) -> dict[str, str]:
    """Every package that the requirements bring with them here, and its installed version."""
    for wish in (wanted(text, extras) for text in texts):
        if wish is not None and canonicalize_name(wish.name) not in seen:
            found = importlib.metadata.distribution(wish.name)
            seen[canonicalize_name(wish.name)] = found.version
            needed(found.requires or [], wish.extras, seen)
    return seen


def test_every_package_that_comes_is_pinned_and_what_is_pinned_is_what_came() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    came = needed([*project["dependencies"], *project["optional-dependencies"]["test"]], (), {})
    assert {name: version for name, version in came.items() if pinned().get(name) != version} == {}


def test_no_file_names_a_package_registry_or_a_place_of_one_machine() -> None:
    hosts = ("pypi." + "org", "python" + "hosted.org", "npm" + "js.org", "/" + "work/", "/" + "tmp/v/")
    for path in ours():
        text = path.read_bytes().decode("utf-8", errors="replace")
        assert not [host for host in hosts if host in text], path


def test_what_the_documents_point_at_is_there() -> None:
    for page in [path for path in ours() if path.suffix == ".md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} points at {target}"


@pytest.mark.slow
@pytest.mark.parametrize("skip", ["def test_a(): pytest.skip('no reason at all')",
                                  "pytest.skip('no reason at all', allow_module_level=True)"])
@pytest.mark.parametrize("together", [[], ["-n", "2"]])
@pytest.mark.parametrize(("require", "code", "words"), [("1", 1, "no reason at all"), ("", 0, "1 skipped")])
def test_a_skipped_test_fails_the_run_when_all_are_required(
        tmp_path: Path, skip: str, together: list[str], require: str, code: int, words: str) -> None:
    (tmp_path / "test_it.py").write_text(f"import pytest\n{skip}\n")
    (tmp_path / "test_more.py").write_text("def test_b(): pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, *together, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "REQUIRE_ALL": require}, check=False,
                          capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout
