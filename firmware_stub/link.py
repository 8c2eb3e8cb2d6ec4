"""umqtt.simple with an end to its patience: nothing waits longer than TIMEOUT, and whatever fails is an OSError."""

import time

from umqtt.simple import MQTTClient

TIMEOUT = 10  # s for one answer of the broker
PING = 20000  # ms; a broker that has said nothing for two of them is gone, whatever the socket believes
LARGEST = 2048  # bytes of one field; no command of the gateway is larger


class Socket:
    """Stands between umqtt.simple and its socket, whose "blocking" would be for ever after the first message."""

    def __init__(self, plain, stream):
        """`plain` knows timeouts, `stream` is the same or TLS around it."""
        self.plain, self.stream = plain, stream
        self.heard = True
        plain.settimeout(TIMEOUT)

    def setblocking(self, wait):
        self.plain.settimeout(TIMEOUT if wait else 0)

    def read(self, size):
        if size > LARGEST:  # taken off the wire without ever being in memory; the reader finds it unreadable
            while size > 0:
                piece = self.read(min(size, 512))
                if not piece:
                    raise OSError("the broker stopped in the middle of a message")
                size -= len(piece)
            return b""
        data = self.stream.read(size)
        if data:
            self.heard = True
        return data

    def write(self, *data):
        return self.stream.write(*data)

    def close(self):
        self.stream.close()
        if self.stream is not self.plain:
            self.plain.close()


class Link:
    """One connection after another. `tls`: an ssl.SSLContext, None for a plain connection."""

    def __init__(self, config, wifi, tls):
        self.config, self.wifi, self.tls = config, wifi, tls
        self.client = None
        self._ping_at = 0

    def ready(self):
        return self.wifi.isconnected()

    def open(self, client_id, will, on_command, command_topic):
        """A kept session: a command given while we were away waits for us at the broker."""
        config = self.config
        # bytes, because umqtt.simple counts letters where MQTT counts bytes; `ssl` is asked in every case, see below
        self.client = client = MQTTClient(
            client_id.encode(), config["broker"], config["port"], config["user"].encode(), config["key"].encode(),
            keepalive=60, ssl=self)
        client.set_last_will(will[0].encode(), will[1].encode(), retain=True, qos=1)
        client.set_callback(lambda _topic, payload: on_command(payload))
        self._try(self._connect)
        self._try(client.subscribe, command_topic.encode(), 1)
        self._ping_at = time.ticks_ms()

    def _connect(self):
        try:
            self.client.connect(clean_session=False, timeout=TIMEOUT)
        except TypeError:  # an older umqtt.simple
            self.client.connect(clean_session=False)

    def wrap_socket(self, plain, server_hostname):
        """What umqtt.simple asks of a TLS context, right after it has connected."""
        plain.settimeout(TIMEOUT)
        if self.tls is None:
            return Socket(plain, plain)
        return Socket(plain, self.tls.wrap_socket(plain, server_hostname=server_hostname))

    def publish(self, topic, payload, retain):
        if self.client.pid >= 65535:
            self.client.pid = 0  # umqtt.simple would count on, and wait for an answer that cannot come
        self._try(self.client.publish, topic.encode(), payload.encode(), retain, 1)

    def check(self):
        """Takes one message, if there is one."""
        self._try(self.client.check_msg)
        now = time.ticks_ms()
        if time.ticks_diff(now, self._ping_at) < PING:
            return
        if not self.client.sock.heard:
            raise OSError("the broker is silent")
        self.client.sock.heard, self._ping_at = False, now
        self._try(self.client.ping)

    def leave(self):
        """The goodbye without which the broker would publish our will."""
        self._try(self.client.disconnect)

    def close(self):
        client, self.client = self.client, None
        if client is not None and client.sock is not None:
            try:
                client.sock.close()
            except OSError as reason:
                print("closing:", reason)

    def _try(self, act, *arguments):
        """umqtt.simple stumbles over a cut message in many ways; all of them mean that the connection is gone."""
        try:
            act(*arguments)
        except (OSError, MemoryError):
            raise
        except Exception as reason:
            raise OSError(f"MQTT: {type(reason).__name__} {reason}") from None
