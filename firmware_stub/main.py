"""The button's body: an ESP32's pin, light, Wi-Fi, clock, watchdog and sleep around shell.Shell."""

import json
import os
import ssl
import sys
import time

import esp32
import machine
import network
import ntptime
from core import Button
from link import Link
from shell import MEMORY, QUEUE, Flash, Shell, run

WATCHDOG = 90000  # ms; longer than the longest wait of one turn: name, connection, TLS and four answers
BEAT = 10  # ms
EPOCH = 946684800000 if time.gmtime(0)[0] == 2000 else 0  # ms from 1970 to the board's own beginning of time


class OutageContext:
    """See shell.py for what each of these means."""

    def __init__(self, config, wifi):
        self.contact = machine.Pin(config.get("pin", 4), machine.Pin.IN, machine.Pin.PULL_UP)
        self.led = machine.Pin(config.get("led", 2), machine.Pin.OUT)
        self.adc = machine.ADC(machine.Pin(config["adc"]), atten=machine.ADC.ATTN_11DB) if "adc" in config else None
        self.wifi = wifi
        self.watchdog = machine.WDT(timeout=WATCHDOG)
        self.timer = machine.Timer(0)
        self.naps = int(machine.RTC().memory() or b"0")
        self._ticks, self._now, self._date_at_0 = time.ticks_ms(), 0, None
        ntptime.host = config.get("ntp", ntptime.host)

    def beats(self, beat):
        """A timer's, so that neither a slow broker nor a slow flash makes the button deaf."""
        self._beat = beat
        self.timer.init(period=BEAT, mode=machine.Timer.PERIODIC, callback=self._tick)

    def _tick(self, _timer):
        ticks = time.ticks_ms()
        self._now += time.ticks_diff(ticks, self._ticks)  # nobody else moves it, and it never wraps around
        self._ticks = ticks
        self._beat(self._now)

    def now(self):
        return self._now

    def date(self):
        return None if self._date_at_0 is None else self._date_at_0 + self._now

    def set_date(self):
        """From the network only: the board's own clock is minutes wrong after an hour's sleep."""
        try:
            self._date_at_0 = ntptime.time() * 1000 + EPOCH - self._now
        except (OSError, OverflowError):
            print("no time from", ntptime.host)  # a press without a date is still a press

    def pressed(self):
        return self.contact.value() == 0

    def light(self, on):
        self.led.value(on)

    def random(self):
        return int.from_bytes(os.urandom(3), "big") / (1 << 24)

    def values(self):
        values = {"rssi": self.wifi.status("rssi")} if self.wifi.isconnected() else {}
        if self.adc is not None:
            values["battery_volts"] = self.adc.read_uv() * 2 / 1000000  # behind a divider of two equal halves
        return values

    def say(self, text):
        print(text)

    def feed(self):
        self.watchdog.feed()

    def rest(self, ms):
        time.sleep_ms(ms)

    def sleep(self, ms, on_pin, naps):
        """Ends this life: the next begins in main()."""
        self.timer.deinit()
        machine.RTC().memory(str(naps).encode())
        self.led.value(0)
        self.wifi.active(False)
        if on_pin:
            esp32.wake_on_ext0(self.contact, esp32.WAKEUP_ALL_LOW)
        machine.deepsleep(ms)

    def restart(self):
        machine.reset()


def woken():
    if machine.reset_cause() != machine.DEEPSLEEP_RESET:
        return "power"
    return "pin" if machine.wake_reason() == machine.PIN_WAKE else "timer"


def tls(config):
    """Believes only who shows a certificate of `ca.pem`; without "tls" in the configuration nothing is encrypted."""
    if not config.get("tls"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile="ca.pem")
    return context


def main():
    with open("config.json") as file:
        config = json.load(file)
    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    wifi.connect(config["ssid"], config["password"])
    flash = Flash("")
    life = "".join(f"{byte:02x}" for byte in os.urandom(4))
    button = Button(config["id"], flash.read(MEMORY), life, flash.read(QUEUE), woken())
    run(Shell(button, OutageContext(config, wifi), Link(config, wifi, tls(config)), flash, config.get("sleep", False)))


try:
    main()
except Exception as reason:
    sys.print_exception(reason)
    time.sleep(5)  # long enough to interrupt it over USB
    machine.reset()
