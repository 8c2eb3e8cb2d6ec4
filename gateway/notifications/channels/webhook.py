"""Sends webhooks signed as Standard Webhooks, to public addresses only, without following redirects."""

import ipaddress
import json
import socket
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache, cached_property
from ssl import SSLContext

import httpcore
from standardwebhooks.webhooks import Webhook as Signer

from gateway.config.settings import Webhook
from gateway.monitoring import file_descriptors
from gateway.notifications.channels.address import check_address
from gateway.notifications.channels.outcome import (
    Check,
    NotSent,
    Outcome,
    Receipt,
    Send,
    Sent,
    Unknown,
    one_line,
    refused_status,
)
from gateway.notifications.messages import Message

CONNECT_S, ANSWER_S = 5.0, 15.0  # Standard Webhooks: 15 to 30 s
IDLE_S = 4.0  # shorter than the 5 s after which many servers hang up, else we would write into a closing door
ANSWER_BYTES = 64 * 1024  # an answer is read so that its connection can be used again, but no more than this
STATUS_BYTES = 4096  # of an answer that says what became of the message; a longer one says something else
AGENT = "proactive-service-gateway"
Headers = list[tuple[str | bytes, str | bytes]]
NAT64 = ipaddress.ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all that IANA hands out of IPv6
# What the IANA IPv4 and IPv6 Special-Purpose Address Registries (2026) and multicast take out of the open internet.
# A table of our own: Python's `is_global` follows each version's reading of them, and 192.0.0.0/24 holds anycast
# addresses of the nearest router, which no customer's web hook is.
NOT_PUBLIC = tuple(map(ipaddress.ip_network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
    "2001::/23", "2001:db8::/32", "3fff::/20",
)))


class NotPublic(OSError):
    """The host is, or has become, a private address: nothing was connected."""


class PublicOnly(httpcore.SyncBackend):
    """Resolves, checks, and connects to the very address it checked: no second look-up for an attacker to change."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        if not found or not all(is_public(address) for address in found):
            raise NotPublic
        chosen = min(found, key=lambda address: ":" in address)  # IPv4 first: it is the one that works everywhere
        return super().connect_tcp(chosen, port, timeout, local_address, socket_options)


def is_public(address: str) -> bool:
    """An address on the open internet, also when IPv4 hides inside IPv6 (mapped, 6to4, Teredo, NAT64).

    IPv4-compatible (::/96), local NAT64 (64:ff9b:1::/48), site-local (fec0::/10), unique local, link-local, loopback
    and multicast lie outside 2000::/3.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inside is not None:
            ip = inside
    if ip.version == 6 and ip not in GLOBAL_UNICAST:
        return False
    return not any(ip in net for net in NOT_PUBLIC if net.version == ip.version)


def sender(webhook: Webhook, answer_s: float = ANSWER_S) -> Send:
    """A Send that keeps connections open, so that the next message to a host costs no new handshake."""
    signer = Signer(webhook.secret.get_secret_value())
    mine, patience = _Pools(webhook), _patience(answer_s)

    def send(address: str, message: Message, ref: str) -> Outcome:
        if check_address("webhook", address, webhook.allow_private):
            return NotSent(True, "not a usable web address", kind="unusable")
        body = content(message)
        try:
            return _post(mine.pool, address, ref, _headers(signer, ref, body), body.encode(), patience)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError,
                httpcore.UnsupportedProtocol, OSError) as error:
            return _no_way_in(error) or Unknown(
                f"no answer after the request was sent ({type(error).__name__})", said=str(error))

    return send


def checker(webhook: Webhook, answer_s: float = ANSWER_S) -> Check:
    """Asks for the head of the page: whatever is answered, the way there is open. Only a real message tells more."""
    mine, patience = _Pools(webhook), _patience(answer_s)

    def check(address: str) -> NotSent | None:
        if check_address("webhook", address, webhook.allow_private):
            return NotSent(True, "not a usable web address", kind="unusable")
        try:
            with mine.pool.stream("HEAD", address, headers=[("user-agent", AGENT)], extensions={"timeout": patience}):
                return None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError,
                httpcore.UnsupportedProtocol, OSError) as error:
            return _no_way_in(error) or NotSent(False, f"no answer ({type(error).__name__})", kind="no answer",
                                                said=str(error))

    return check


class _Pools(threading.local):
    """A pool for each thread that sends: in one for all, a message spends most of its time waiting for the others'
    turn (measured: 32 threads, 2.5 times the processor's time)."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    @cached_property
    def pool(self) -> httpcore.ConnectionPool:
        return _pool(self._webhook)


def _pool(webhook: Webhook) -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        network_backend=httpcore.SyncBackend() if webhook.allow_private else PublicOnly(),
        ssl_context=_authorities(), max_connections=2, keepalive_expiry=IDLE_S)


@cache
def _authorities() -> SSLContext:
    """Whose certificates are trusted: read once, as it takes 30 ms of the processor and else each connection does."""
    return httpcore.default_ssl_context()


def _patience(answer_s: float) -> dict[str, float]:
    return {"connect": CONNECT_S, "read": answer_s, "write": answer_s, "pool": CONNECT_S}


def _no_way_in(error: Exception) -> NotSent | None:
    """What went wrong before anything was handed over; None when that is not sure."""
    if isinstance(error, NotPublic):
        return NotSent(True, "the host is not on the public internet", kind="unusable")
    if isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout | httpcore.PoolTimeout |
                  httpcore.UnsupportedProtocol | httpcore.LocalProtocolError):
        secure = "SSL" in str(error) or "CERTIFICATE" in str(error).upper()
        return NotSent(False, f"no connection ({type(error).__name__})", said=str(error),
                       kind="no secure connection" if secure else "unreachable", ours=file_descriptors.ran_out(error))
    if file_descriptors.ran_out(error):  # the file of authorities: it is read before anything is sent
        return NotSent(False, f"no connection ({type(error).__name__})", said=str(error), ours=True)
    return None


def content(message: Message) -> str:
    """Standard Webhooks' shape: type, timestamp, data."""
    data = {**message.data, "subject": message.subject, "text": message.short}
    return json.dumps({"type": message.topic, "timestamp": message.at, "data": data}, ensure_ascii=False)


def _headers(signer: Signer, ref: str, body: str) -> Headers:
    at = datetime.now(UTC)
    return [
        ("content-type", "application/json; charset=utf-8"), ("user-agent", AGENT),
        ("webhook-id", ref), ("webhook-timestamp", str(int(at.timestamp()))),
        ("webhook-signature", signer.sign(ref, at, body)),
    ]


def _post(pool: httpcore.ConnectionPool, url: str, ref: str, headers: Headers, body: bytes,
          patience: dict[str, float]) -> Sent | NotSent:
    with pool.stream("POST", url, headers=headers, content=body, extensions={"timeout": patience}) as answer:
        wait = next((value.decode("ascii", "replace") for name, value in answer.headers
                     if name.lower() == b"retry-after"), None)
        read = _read_out(answer)
        # the words beside the status, not the page: that may repeat the message, with all that is personal in it
        said = one_line(answer.status, answer.extensions.get("reason_phrase", b""))
        return by_answer(read, ref) if 200 <= answer.status < 300 else refused_status(answer.status, wait, said)


def by_answer(body: bytes, ref: str) -> Sent | NotSent:
    """What a server that took it says about it: `{"status": "opened"}`. Whatever cannot be read says nothing."""
    try:
        read = json.loads(body) if body else None
    except (ValueError, RecursionError):
        read = None
    match read.get("status") if isinstance(read, dict) else None:
        case "read" | "opened":
            return Sent(ref, Receipt.OPENED)
        case "delivered":
            return Sent(ref, Receipt.DELIVERED)
        case "rejected":
            return NotSent(True, "the other side rejected it", kind="message refused")
        case "unknown_recipient":
            return NotSent(True, "the other side knows no such recipient", gone=True, kind="recipient refused")
    return Sent(ref, Receipt.ARRIVED)


def _read_out(answer: httpcore.Response) -> bytes:
    """The HTTP status decides; of a body that breaks off or never ends nothing is read, and it changes nothing."""
    chunks, size = [], 0
    try:
        for chunk in answer.iter_stream():
            size += len(chunk)
            if size > ANSWER_BYTES:
                return b""
            if size <= STATUS_BYTES:
                chunks.append(chunk)
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        return b""
    return b"".join(chunks) if size <= STATUS_BYTES else b""
