"""Turns what somebody uploads into a small, plain JPEG, or says why it cannot be used."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from gateway.web.pages.technician import reencode

LIMIT = 12 * 1024 * 1024  # bytes of a photo
_PATIENCE_S = 30.0
_AT_ONCE = 2  # programs that decode
_room = threading.BoundedSemaphore(_AT_ONCE)
_WHY = {reencode.NOT_A_PHOTO: "page.photo.none", reencode.TOO_MANY_PIXELS: "page.photo.pixels"}
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")


class Unusable(Exception):
    """The text is the catalogue id of the sentence that says what to do."""


class Decoded(NamedTuple):
    content: bytes  # JPEG
    width: int
    height: int


def decode(file: bytes, side: int = reencode.SIDE) -> Decoded:
    """`side`: the most pixels that one may have. Raises Unusable."""
    if not file:
        raise Unusable("page.photo.missing")
    if len(file) > LIMIT:
        raise Unusable("page.photo.large")
    if file[4:8] == b"ftyp" and file[8:12] in _HEIC:
        raise Unusable("page.photo.heic")
    if not _room.acquire(timeout=_PATIENCE_S):
        raise Unusable("page.photo.busy")
    try:
        ran = subprocess.run([sys.executable, "-I", str(Path(reencode.__file__)), str(side)], input=file,
                             capture_output=True, timeout=_PATIENCE_S, check=False, env={})
    except subprocess.TimeoutExpired:
        raise Unusable("page.photo.broken") from None
    finally:
        _room.release()
    if ran.returncode:
        raise Unusable(_WHY.get(ran.returncode, "page.photo.broken"))
    head, _, content = ran.stdout.partition(b"\n")
    return Decoded(content, **json.loads(head))
