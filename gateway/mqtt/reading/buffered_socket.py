"""The socket of one connection with a buffer before it, from which paho is given one packet at a time."""

import ssl
import sys
from typing import Any

CHUNK = 1 << 16  # bytes asked of the system at once: about a batch of readings
LARGEST = 1 << 16  # bytes: a larger packet goes to paho piece by piece, so that it is never in memory twice
EVERYTHING = sys.maxsize  # to paho, until it closes the connection
HIGHEST_CONTINUED = 4  # bytes of a remaining length; the specification's limit


class BufferedSocket:
    """Stands in for paho's own socket. The buffer is `data` from `start` on, which its reader moves.

    paho's `recv` gets no more than what was lent to it: behind the packet that it is given lie others, which are not
    for it to read.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.data, self.start = b"", 0
        self.lent = 0  # bytes that paho may still read
        self.blocked = False  # nothing came when it was last asked, and `data` holds no whole packet
        self.closed = False
        self._end: OSError | None = None  # what paho is to hear at the end; None: that the broker has hung up
        # paho sends through these all the time
        self.send, self.fileno, self.setblocking = sock.send, sock.fileno, sock.setblocking

    @property
    def available(self) -> int:
        return len(self.data) - self.start

    def fill(self) -> bool:
        """Reads on behind what is there, once; False: nothing came. The end of the connection is lent to paho, with
        what lies before it."""
        try:
            chunk = self._sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self.blocked = True
            return False
        except OSError as error:
            self._end, self.lent = error, EVERYTHING
            return True
        if chunk:
            self.data, self.start = (self.data[self.start:] + chunk if self.available else chunk), 0
        else:
            self.lent = EVERYTHING
        return True

    def packet_size(self) -> int | None:
        """Bytes of the packet at the head, of which some may be still to come; None: not known yet."""
        if not self.available:
            return None
        if self.data[self.start] < 0x10:  # no packet of MQTT; and paho's reader takes a 0 there for nothing read
            return EVERYTHING
        length = 0
        for place, byte in enumerate(self.data[self.start + 1:self.start + 1 + HIGHEST_CONTINUED]):
            length |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return length + 2 + place
        return EVERYTHING if self.available > HIGHEST_CONTINUED else None

    def recv(self, size: int) -> bytes:
        """For paho alone: of what was lent to it, first from the buffer, then from the connection itself."""
        size = min(size, self.lent)
        if not size:
            raise BlockingIOError
        if self.available:
            part = self.data[self.start:self.start + size]
            self.start += len(part)
        elif self._end is not None:
            raise self._end
        else:
            try:
                part = self._sock.recv(size)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self.blocked = True
                raise
        self.lent -= len(part)
        return part

    def close(self) -> None:
        """What lies in the buffer goes with the connection: the broker brings it again."""
        self.closed, self.data, self.start, self.lent = True, b"", 0, 0
        self._sock.close()
