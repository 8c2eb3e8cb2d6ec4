"""Benchmark: from a press to the answer on the device, and to the page of whoever is on call, amid telemetry and with a
full outbox: `python -m benchmarks.press`."""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from benchmarks.figures import measured, percentile
from benchmarks.outbox import LEFT, SECRET, fill_outbox, move_in
from benchmarks.real_time_setup import Scene, scene
from device_sim.load import command as load
from gateway.model import Device, DeviceState
from tests.drivers.device_client import DeviceClient, device_client
from tests.fixtures.servers import HOST, WebhookServer, web_server

BUTTON = "profile: {name}\nname: {{en: help button, de: Hilfeknopf}}\nbutton: {{emergency: {emergency}}}\n"
EACH_DAY = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
EMERGENCY = 3  # every third press is a call for help
WARM_S, STRAGGLERS_S = 3, 30  # before the first press; after the last, for what has no answer yet
_PAGES = """SELECT n.id, c.device_id FROM notification n JOIN callback c ON c.id = n.subject_id
            WHERE n.topic = 'emergency_press'"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=600, help="each by another home's button")
    parser.add_argument("--every", type=float, default=0.1, help="seconds between presses")
    parser.add_argument("--rate", type=float, default=10_000, help="background messages a second")
    parser.add_argument("--devices", type=int, default=5_000, help="that send them")
    parser.add_argument("--waiting", type=int, default=10_000, help="due notifications in the outbox")
    parser.add_argument("--db", "--database",
                        help="PostgreSQL URL of a database that may be emptied; default: a new SQLite file")
    asked = parser.parse_args()
    with web_server() as sink, scene(asked.devices, asked.db) as here:
        names = _buttons(here, sink, asked.presses)
        with here.gateway(settings=_settings(sink)) as gateway, device_client(here.mqtt_port, "buttons") as buttons:
            cpu = gateway.cpu_s
            with _background(here, asked.rate, asked.devices, asked.presses * asked.every + WARM_S + 2) as background:
                time.sleep(WARM_S)
                fill_outbox(here.store, sink.url, asked.waiting)
                stored, waiting, first = _readings(here), here.count(LEFT), time.monotonic()
                heard_at: list[float] = []
                buttons.when_heard = lambda: heard_at.append(time.time())
                pressed = _press(buttons, names, asked.every)
                seconds = time.monotonic() - first
                stored, left = _readings(here) - stored, here.count(LEFT)
            answers, pages = _await_all(here, sink, buttons, heard_at, names)
            cpu = gateway.cpu_s - cpu
        answered = [(answers[name] - at) * 1000 for name, at in pressed.items() if name in answers]
        paged = [pages[name] - at for name, at in pressed.items() if name in pages]
        measured(two_were_answered=len(answered) > 1, two_were_paged=len(paged) > 1, background=len(background),
                 stored=stored, outbox_before=waiting)
        print(json.dumps({
            "benchmark": "press", "db": here.store.engine.dialect.name, "presses": len(pressed),
            "answered": len(answered), "calls_for_help": sum(name.startswith("sos") for name in pressed),
            "paged": len(paged),
            "answer_ms_p50": round(statistics.median(answered), 1), "answer_ms_p99": _p99(answered, 1),
            "answer_ms_max": round(max(answered), 1),
            "paged_s_p50": round(statistics.median(paged), 2), "paged_s_p99": _p99(paged, 2),
            "background_per_s": round(background[0]["sent_per_s"]), "stored_per_s": round(stored / seconds),
            "outbox_before": waiting, "outbox_left": left, "gateway_cpu_s": round(cpu, 1),
        }))


def _p99(values: list[float], digits: int) -> float:
    return round(percentile(values, 0.99) or 0.0, digits)


def _settings(sink: WebhookServer) -> dict[str, str]:
    return {"GATEWAY_CHANNELS__WEBHOOK__SECRET": SECRET, "GATEWAY_CHANNELS__WEBHOOK__ALLOW_PRIVATE": "true",
            "GATEWAY_SERVICE__CALLBACK_HOURS": json.dumps(EACH_DAY),
            "GATEWAY_SERVICE__EMERGENCY": json.dumps([{"channel": "webhook", "address": f"{sink.url}/on-call"}])}


def _buttons(here: Scene, sink: WebhookServer, count: int) -> list[str]:
    """A button in each of `count` homes, every third one an emergency button; their names."""
    for name, emergency in (("call", "false"), ("sos", "true")):
        (here.folder / "profiles" / f"{name}.yaml").write_text(BUTTON.format(name=name, emergency=emergency))
    names = [f"{'call' if number % EMERGENCY else 'sos'}-{number:05d}" for number in range(count)]
    move_in(here.store, sink.url, names, [
        (Device, [{"id": name, "key": f"native:{name}", "profile": name.partition("-")[0], "site_id": name,
                   "name": "Button"} for name in names]),
        (DeviceState, [{"device_id": name, "link": "unheard", "signals": "{}", "memory": "{}"} for name in names])])
    return names


@contextmanager
def _background(here: Scene, rate: float, devices: int, seconds: float) -> Iterator[list[dict[str, float]]]:
    """Telemetry while the block runs, from a process of its own; afterwards the list holds what became of it."""
    done: list[dict[str, float]] = []
    asked = load.Asked(HOST, here.mqtt_port, devices, rate, seconds, processes=1)
    thread = threading.Thread(target=lambda: done.append(vars(load.run(asked))))
    thread.start()
    yield done
    thread.join()


def _press(buttons: DeviceClient, names: list[str], every: float) -> dict[str, float]:
    """Button → time.time() just before its press was published."""
    pressed, starts = {}, time.monotonic()
    for number, name in enumerate(names):
        time.sleep(max(0.0, starts + number * every - time.monotonic()))
        pressed[name] = time.time()
        buttons.say(f"devices/{name}/press", {"id": f"press-{name}"})
    return pressed


def _await_all(here: Scene, sink: WebhookServer, buttons: DeviceClient, heard_at: list[float], names: list[str]
               ) -> tuple[dict[str, float], dict[str, float]]:
    """(button → when it had its answer, button → when whoever is on call had the page)."""
    help_wanted = {name for name in names if name.startswith("sos")}
    answers: dict[str, float] = {}
    pages: dict[str, float] = {}
    give_up = time.monotonic() + STRAGGLERS_S
    while (len(answers) < len(names) or help_wanted - pages.keys()) and time.monotonic() < give_up:
        for at, (_, body) in zip(list(heard_at), list(buttons.heard), strict=False):
            answers.setdefault(body["press_id"].removeprefix("press-"), at)
        with here.store.engine.connect() as connection:
            button_of: dict[str, str] = {row.id: row.device_id for row in connection.execute(text(_PAGES))}
        for post in list(sink.posts):
            if post.path == "/on-call":
                pages.setdefault(button_of.get(post.headers["webhook-id"].partition("_")[0], ""), post.at)
        time.sleep(0.2)
    return answers, pages


def _readings(here: Scene) -> int:
    return here.count("SELECT count(*) FROM reading")


if __name__ == "__main__":
    main()
