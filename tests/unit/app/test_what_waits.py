"""What an idle gateway has not imported: a library that only some installations use waits until somebody needs it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.store import Store
from gateway.store.migrations import upgrade
from tests import ROOT

SOME_USE = {"shapely", "numpy", "authlib", "joserfc", "requests", "PIL", "icalendar", "holidays", "google", "alembic",
            "cryptography", "prompt_toolkit", "apprise"}
WEB = {"fastapi", "uvicorn", "gateway.web"}
NATIVE = {"dialects": ["native"]}
_STARTS = """
import sys, orjson
import gateway.__main__
from gateway.app.main import start
from gateway.config.settings import Settings
given = orjson.loads(sys.argv[1])
running = start(Settings(**given["settings"]), given["role"])
print(orjson.dumps(sorted(sys.modules)).decode())
running.stop()
"""


def imported(folder: Path, settings: Mapping[str, Any], role: str = "all") -> set[str]:
    """By a gateway of its own that has started on a database with the newest schema, and does nothing."""
    url = f"sqlite:///{folder}/idle.db"
    store = Store(url)
    upgrade(store)
    store.close()
    given = {"role": role, "settings": {"database_url": url, "secret": "x" * 40, "mqtt": {"port": 1},
                                        "web": {"port": 0}, **settings}}
    done = subprocess.run([sys.executable, "-c", _STARTS, orjson.dumps(given).decode()], cwd=ROOT, check=True,
                          stdout=subprocess.PIPE, timeout=60)
    return set(orjson.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_an_idle_gateway_has_imported_nothing_that_only_some_use(tmp_path: Path) -> None:
    modules = imported(tmp_path, NATIVE)
    assert not SOME_USE & modules
    assert modules >= WEB


@pytest.mark.slow
@pytest.mark.parametrize("role", ["ingest", "clock"])
def test_who_serves_no_pages_has_not_imported_the_web(tmp_path: Path, role: str) -> None:
    assert not (SOME_USE | WEB) & imported(tmp_path, NATIVE, role)


@pytest.mark.slow
def test_what_the_settings_ask_for_is_there_when_the_gateway_has_started(tmp_path: Path) -> None:
    oidc = {"issuer": "http://127.0.0.1:1", "client_id": "gateway", "client_secret": "s"}
    modules = imported(tmp_path, {"dialects": ["sparkplug"], "sign_in": {"oidc": oidc}})
    assert {"google.protobuf", "authlib", "joserfc"} <= modules
