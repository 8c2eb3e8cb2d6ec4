"""The simulator's journal: one JSON line for each action on a device and each answer to one."""

import json
import time
from contextlib import suppress
from typing import Any, TextIO


class Lines:
    """Writes to `file`, or nowhere."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def __call__(self, device: str, what: str, facts: dict[str, Any]) -> None:
        if self._file is not None:
            line = {"at": time.time_ns() // 1_000_000, "device": device, "what": what, **facts}
            with suppress(BrokenPipeError):
                print(json.dumps(line), file=self._file, flush=True)
