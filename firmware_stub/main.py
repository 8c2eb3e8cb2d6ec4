"""The button's body: pins, Wi-Fi, flash and umqtt.simple around core.Button. Runs on MicroPython only."""

import json
import os
import time

import machine
import network
from core import Button
from umqtt.simple import MQTTClient

with open("config.json") as config:
    CONFIG = json.load(config)  # {"id", "ssid", "password", "broker", "port", "user", "key"}
MEMORY = "memory.json"
RETRY = 3000  # ms between attempts to connect
REPORT = 3600000  # ms between battery reports

contact = machine.Pin(CONFIG.get("pin", 4), machine.Pin.IN, machine.Pin.PULL_UP)
light = machine.Pin(CONFIG.get("led", 2), machine.Pin.OUT)
battery = machine.ADC(machine.Pin(CONFIG["adc"])) if "adc" in CONFIG else None


class Clock:
    """Milliseconds that do not wrap around as ticks_ms does, and the date once NTP has told it."""

    def __init__(self):
        self._last = time.ticks_ms()
        self.now = 0
        self._epoch = None

    def step(self):
        ticks = time.ticks_ms()
        self.now += time.ticks_diff(ticks, self._last)
        self._last = ticks
        return self.now

    def set_date(self):
        try:
            import ntptime

            ntptime.settime()
            since_1970 = time.time() + (946684800 if time.gmtime(0)[0] == 2000 else 0)
            self._epoch = since_1970 * 1000 - self.now
        except OSError:
            pass  # a press without a date is still a press

    def date(self):
        return None if self._epoch is None else self._epoch + self.now


def recall():
    try:
        with open(MEMORY) as file:
            kept = file.read()
        json.loads(kept)
        return kept
    except (OSError, ValueError):
        return "{}"


def remember(button):
    """Written beside and renamed: power lost in between leaves the old file whole."""
    with open(MEMORY + ".new", "w") as file:
        file.write(button.remembered())
    os.rename(MEMORY + ".new", MEMORY)


def connect(button, clock, on_command):
    client = MQTTClient("button-" + CONFIG["id"], CONFIG["broker"], CONFIG.get("port", 1883), CONFIG.get("user"),
                        CONFIG.get("key"), keepalive=60)
    status = "devices/" + CONFIG["id"] + "/status"
    client.set_last_will(status, '{"state":"lost"}', retain=True, qos=1)
    client.set_callback(on_command)
    client.connect(clean_session=False)  # an answer given while we were away waits for us
    client.subscribe("devices/" + CONFIG["id"] + "/command", qos=1)
    client.publish(status, '{"state":"online"}', retain=True, qos=1)
    clock.set_date()
    return client


def main():
    clock, button = Clock(), Button(CONFIG["id"], recall())
    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    wifi.connect(CONFIG["ssid"], CONFIG["password"])
    client, retry_at, report_at, ping_at = None, 0, 0, 0

    def on_command(_topic, payload):
        if button.told(payload, clock.now):
            remember(button)

    while True:
        now = clock.step()
        if button.contact(contact.value() == 0, now, clock.date()) or button.tick(now):
            remember(button)
        light.value(button.lit(now))
        if battery and now >= report_at:
            report_at = now + REPORT
            button.measured({"battery": round(battery.read_u16() / 655.35)}, clock.date())
        try:
            if client is None and wifi.isconnected() and now >= retry_at:
                retry_at = now + RETRY
                client = connect(button, clock, on_command)
            if client is not None:
                message = button.outgoing(now)
                if message is not None:
                    client.publish(message[0], message[1], qos=1)  # returns when the broker has acknowledged it
                    button.sent(message, clock.step())
                client.check_msg()
                if now >= ping_at:
                    ping_at = now + 20000
                    client.ping()
        except OSError:
            client = None
        time.sleep_ms(5)


main()
