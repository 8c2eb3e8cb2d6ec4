"""A gateway as it really runs: a process of its own that can be killed at any instant."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from gateway.store import Store
from tests.servers import wait_until
from tests.village import write_profiles

ROOT = Path(__file__).resolve().parents[1]
HOOK_SECRET = "whsec_c2VjcmV0IG9mIHRoZSB2aWxsYWdlLCBsb25nIGVub3VnaA=="
SECRET = "a secret of the village, long enough for a test"


@dataclass
class GatewayProcess:
    """`python -m gateway run` with settings in its environment; `more` are further ones, e.g. MQTT__SHARE."""

    folder: Path
    database_url: str
    mqtt_port: int
    role: str = "all"
    client_id: str = "gateway"
    more: dict[str, str] = field(default_factory=dict)
    descriptors: int | None = None  # it may have open at most, whatever it asks for
    process: "subprocess.Popen[bytes] | None" = None
    started_at: int = 0

    @property
    def log(self) -> Path:
        return self.folder / f"{self.client_id}.log"

    def start(self) -> None:
        """Starts it and does not wait."""
        settings = {
            "DATABASE_URL": self.database_url, "MQTT__PORT": str(self.mqtt_port), "MQTT__CLIENT_ID": self.client_id,
            "SECRET": SECRET, "PROFILES": str(write_profiles(self.folder / "profiles")), "WEB__PORT": "0",
            "DIALECTS": '["native"]', "CHANNELS__WEBHOOK__SECRET": HOOK_SECRET,
            "CHANNELS__WEBHOOK__ALLOW_PRIVATE": "true", **self.more,
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        environment |= {f"GATEWAY_{name}": value for name, value in settings.items()} | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "gateway", "run", "--role", self.role, "--log", "json"]
        if self.descriptors is not None:
            command = ["sh", "-c", f'ulimit -n {self.descriptors}; exec "$@"', "sh", *command]
        self.started_at = round(time.time() * 1000)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)

    def wait_until_listening(self, store: Store, seconds: float = 60) -> None:
        """Until it has written that it listens, in this life."""
        wait_until(lambda: self._listens(store), seconds, f"{self.client_id} to listen (its log is {self.log})")

    def _listens(self, store: Store) -> bool:
        assert self.running, f"{self.client_id} ended: {self.log.read_text()[-3000:]}"
        with store.engine.connect() as connection:
            since = connection.execute(text("SELECT since FROM listener WHERE client_id = :id"), {"id": self.client_id})
            return (since.scalar() or 0) >= self.started_at

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def __enter__(self) -> "GatewayProcess":
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.kill()

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As the operator stops it."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    @property
    def url(self) -> str:
        """Its web, once it runs."""
        wait_until(lambda: any(entry.get("event") == "gateway runs" for entry in self._logged()), 60, "it to run")
        port = next(entry["web"] for entry in reversed(self._logged()) if entry.get("event") == "gateway runs")
        return f"http://127.0.0.1:{port}"

    def ready(self) -> tuple[int, list[str]]:
        """What /readyz says: the status, and the problems."""
        answer = httpx.get(f"{self.url}/readyz", timeout=5)
        return answer.status_code, answer.json()["problems"]

    @contextmanager
    def short_of(self, what: int, limit: int) -> Iterator[None]:
        """Within the block the machine gives it no more than `limit` of `what` (resource.RLIMIT_…)."""
        assert self.process is not None
        before = resource.prlimit(self.process.pid, what)
        resource.prlimit(self.process.pid, what, (limit, before[1]))
        try:
            yield
        finally:
            resource.prlimit(self.process.pid, what, before)

    def measure(self, name: str) -> float:
        """What it says of itself under /metrics, as `gateway_<name>`."""
        text = httpx.get(f"{self.url}/metrics").text
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"gateway_{name} ")))

    def complaints(self) -> list[dict[str, Any]]:
        """What it logged as an error."""
        return [entry for entry in self._logged() if entry.get("level") == "error"]

    def _logged(self) -> list[dict[str, Any]]:
        return [_entry(line) for line in self.log.read_text().splitlines()]


def _entry(line: str) -> dict[str, Any]:
    """A line that is no JSON, or only half of it, is a complaint."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return {"level": "error", "event": line}
