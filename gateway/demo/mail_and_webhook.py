"""The demo's own mail server and webhook receiver, on this machine only."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.mqtt.local_broker import free_port

HOST = "127.0.0.1"


@dataclass(frozen=True)
class ReceivedMessage:
    at: float  # time.time() when it arrived
    to: str
    subject: str
    text: str
    is_for_calendar: bool = False  # it brings an invite


@dataclass
class Mailbox:
    """Every message that arrived, in order; `new` returns those that nobody has read yet."""

    messages: list[ReceivedMessage] = field(default_factory=list)
    _read: int = 0

    def new(self) -> list[ReceivedMessage]:
        fresh = self.messages[self._read:]
        self._read += len(fresh)
        return fresh

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # the name is aiosmtpd's
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("plain",))
        self.messages.append(ReceivedMessage(
            time.time(), envelope.rcpt_tos[0], str(message["subject"]).strip(), str(body.get_content()) if body else "",
            any(part.get_content_type() == "text/calendar" for part in message.walk())))
        return "250 kept"


@contextmanager
def mail_server(mailbox: Mailbox) -> Iterator[int]:
    """Yields the port of an SMTP server that puts everything into `mailbox`."""
    controller = Controller(mailbox, hostname=HOST, port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@contextmanager
def web_hook(mailbox: Mailbox, secret: str, port: int = 0) -> Iterator[str]:
    """Yields the address of a web server that puts every correctly signed post into `mailbox`."""
    signed = Webhook(secret)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                webhook = signed.verify(body, dict(self.headers.items()))
            except WebhookVerificationError:
                self.send_error(401)
                return
            data = webhook["data"]
            mailbox.messages.append(
                ReceivedMessage(time.time(), f"web hook {self.path}", data["subject"], data["text"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, port), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="web hook")
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
