"""Writes a button's config.json; asks for the secrets, so that they stand in no source and in no shell's history."""

import argparse
import getpass
import json
import os
import re
import sys
from pathlib import Path


def device_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise argparse.ArgumentTypeError(f"expected 1 to 64 letters, digits, '.', '_' or '-', got {text!r}")
    return text


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", required=True, type=device_id, help="the id that `gateway device add` printed")
    parser.add_argument("--broker", required=True, help="name or address; with --tls the name in its certificate")
    parser.add_argument("--ssid", required=True, help="the Wi-Fi's name")
    parser.add_argument("--tls", action="store_true", help="encrypt, and believe only certificates of ca.pem")
    parser.add_argument("--port", type=int, help="default: 8883 with --tls, else 1883")
    parser.add_argument("--sleep", action="store_true", help="it runs on a battery: sleep between presses")
    parser.add_argument("--pin", type=int, default=4, help="the button's GPIO (default: 4)")
    parser.add_argument("--led", type=int, default=2, help="the light's GPIO (default: 2)")
    parser.add_argument("--adc", type=int, help="the GPIO behind the battery's divider, if there is one")
    parser.add_argument("--ntp", help="who tells the time (default: the board's own choice)")
    parser.add_argument("--out", type=Path, default=Path("config.json"))
    return parser.parse_args()


def ask(what: str) -> str:
    """Not shown while it is typed; from a pipe, one line."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ")
    return sys.stdin.readline().rstrip("\n")


def main() -> None:
    given = arguments()
    config = {name: value for name, value in vars(given).items() if value not in (None, False) and name != "out"}
    config["password"] = ask("The Wi-Fi's password")
    config["key"] = ask("The secret that `gateway device add` printed")
    config["user"] = given.id
    config.setdefault("port", 8883 if given.tls else 1883)
    with os.fdopen(os.open(given.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(config, file)
    print(f"{given.out} is written, for your eyes only. Copy it to the board, then delete it.")


main()
