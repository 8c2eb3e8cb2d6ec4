"""A headless Chromium in real time, driven over the pipe of its debugging protocol."""

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 20.0
# fills the field with a picture that the browser draws itself, as a camera would
PICK_A_PHOTO = """new Promise(done => {
  const canvas = document.createElement('canvas');
  canvas.width = 60; canvas.height = 40;
  canvas.toBlob(blob => {
    const files = new DataTransfer();
    files.items.add(new File([blob], 'valve.jpg', {type: 'image/jpeg'}));
    document.getElementById('photo').files = files.files;
    done(true);
  }, 'image/jpeg');
})"""
# Chromium reads from descriptor 3 and writes to 4
_START = """import os, sys
_, commands, answers, *program = sys.argv
os.dup2(int(commands), 3)
os.dup2(int(answers), 4)
os.execv(program[0], program)"""


@dataclass
class Tab:
    """One page. `said`: what it wrote to the console, errors and broken policies too."""

    browser: "Browser"
    session: str
    said: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        """Loads it; returns when it is there."""
        self.browser.call("Page.navigate", self.session, url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """What the JavaScript expression gives."""
        answer = self.browser.call("Runtime.evaluate", self.session, expression=script, returnByValue=True,
                                   awaitPromise=True, userGesture=True)
        if "exceptionDetails" in answer:
            raise ValueError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = PATIENCE_S) -> float:
        """Waits until the expression is true; how many seconds that took. Raises TimeoutError."""
        began = time.monotonic()
        while not self._is_true(script):
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"{script} is not true within {seconds} s; the page: {self.text()}")
            time.sleep(0.02)
        return time.monotonic() - began

    def _is_true(self, script: str) -> bool:
        try:
            return bool(self.run(script))
        except ValueError as refused:  # another page came while this one was asked
            if "Inspected target navigated" in str(refused):
                return False
            raise

    def text(self) -> str:
        """The words on it, one space between them."""
        return " ".join(str(self.run("document.body?.innerText ?? ''")).split())

    def hide(self, hidden: bool) -> None:
        """Somebody looks at another tab, or at this one again: without a screen a tab never is in the background."""
        self.run(f"Object.defineProperty(document, 'hidden', {{configurable: true, value: {json.dumps(hidden)}}}) && "
                 "document.dispatchEvent(new Event('visibilitychange'))")


class Browser:
    """A running Chromium with a profile of its own."""

    def __init__(self, program: str, directory: Path) -> None:
        commands, ours = _pipe()
        theirs, answers = _pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(commands), str(answers), program, "--headless",
             "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
             f"--user-data-dir={directory}"],
            pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(answers)
        self._commands, self._answers = os.fdopen(ours, "wb", buffering=0), os.fdopen(theirs, "rb")
        self._number, self._waiting = 0, threading.Condition()
        self._answered: dict[int, dict[str, Any]] = {}
        self._tabs: dict[str, Tab] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def tab(self, apart: bool = False) -> Tab:
        """A new, empty one, in a window of its own: none is hidden behind another. `apart`: with cookies of its own."""
        where = self.call("Target.createBrowserContext") if apart else {}
        target = self.call("Target.createTarget", url="about:blank", newWindow=True, **where)["targetId"]
        tab = Tab(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        self._tabs[tab.session] = tab
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable", tab.session)
        return tab

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """The result of one command. Raises ValueError when it is refused."""
        with self._waiting:
            self._number += 1
            number = self._number
        command = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        self._commands.write(json.dumps(command).encode() + b"\0")
        with self._waiting:
            self._waiting.wait_for(lambda: number in self._answered, PATIENCE_S)
            answer = self._answered.pop(number)
        if "error" in answer:
            raise ValueError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._reader.join(5)
        self._commands.close()
        self._answers.close()

    def _read(self) -> None:
        for message in _messages(self._answers.read1):
            if "id" in message:
                with self._waiting:
                    self._answered[message["id"]] = message
                    self._waiting.notify_all()
            elif (tab := self._tabs.get(message.get("sessionId", ""))) is not None:
                tab.said += _said(message["method"], message["params"])


@contextmanager
def browser(program: str, directory: Path) -> Iterator[Browser]:
    """One that is stopped in the end."""
    running = Browser(program, directory)
    try:
        yield running
    finally:
        running.stop()


def _pipe() -> tuple[int, int]:
    """Ends that are not among the low numbers that Chromium expects."""
    low = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low)
    for end in low:
        os.close(end)
    return high[0], high[1]


def _messages(read: Callable[[int], bytes]) -> Iterator[dict[str, Any]]:
    text = b""
    while part := read(65536):
        *whole, text = (text + part).split(b"\0")
        yield from map(json.loads, whole)


def _said(method: str, given: dict[str, Any]) -> list[str]:
    if method == "Runtime.consoleAPICalled":
        return [" ".join(str(one.get("value", one.get("description", ""))) for one in given["args"])]
    if method == "Runtime.exceptionThrown":
        return [str(given["exceptionDetails"].get("exception", given["exceptionDetails"]))]
    return [given["entry"]["text"]] if method == "Log.entryAdded" else []
