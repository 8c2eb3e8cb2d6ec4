"""Reads the logo: a PNG or JPEG of a modest size, which every browser and mail program shows."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

LIMIT = 100 * 1024  # bytes: it goes along with every mail
SIDE = (16, 2000)  # pixels, at least and at most
_EXPECTED = "expected a PNG or JPEG"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # JPEG segments that say the size
_ALONE = {0x01, *range(0xD0, 0xD8)}  # JPEG markers without a length


class BadLogo(ValueError):
    """A file that cannot be the logo; the text says what was expected."""


@dataclass(frozen=True)
class Logo:
    content: bytes
    kind: str  # png | jpeg
    width: int
    height: int

    @property
    def version(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:12]


def read_logo(path: Path) -> Logo:
    """Raises BadLogo."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise BadLogo(f"cannot be read ({error.strerror or error}) — {_EXPECTED}") from None
    if len(content) > LIMIT:
        raise BadLogo(f"more than {LIMIT // 1024} KB — expected less: it goes along with every mail")
    kind, (width, height) = _kind_and_size(content)
    least, most = SIDE
    if not (least <= width <= most and least <= height <= most):
        raise BadLogo(f"{width} × {height} pixels — expected {least} to {most} a side")
    return Logo(content, kind, width, height)


def _kind_and_size(content: bytes) -> tuple[str, tuple[int, int]]:
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
        return "png", (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg", _jpeg_size(content)
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")):
        raise BadLogo(f"an SVG, which may hold programs and which mail programs do not show — {_EXPECTED}")
    raise BadLogo(f"no picture that is known here — {_EXPECTED}")


def _jpeg_size(content: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _FRAMES:
            return int.from_bytes(content[at + 7:at + 9], "big"), int.from_bytes(content[at + 5:at + 7], "big")
        at += 1 if marker == 0xFF else 2 if marker in _ALONE else 2 + int.from_bytes(content[at + 2:at + 4], "big")
    raise BadLogo(f"a broken JPEG — {_EXPECTED}")
