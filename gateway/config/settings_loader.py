"""Reads settings from gateway.yaml, secrets files and environment variables."""

import contextlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr, ValidationError

from gateway.config import example_files
from gateway.config.error_messages import did_you_mean, sort_by_line, validation_errors
from gateway.config.settings import Settings
from gateway.config.yaml_lines import BadYaml, LineOf, dotted_path, path_of, read_yaml
from gateway.config.yaml_lines import Path as Way

PREFIX = "GATEWAY_"
NOT_SETTINGS = ("GATEWAY_SECRETS_DIR", "GATEWAY_CONFIG")
_PLACEHOLDER = re.compile(r"\$\{\w+[^}]*\}")
SECRET_FIELDS = ("password", "secret", "client_secret")


class BadSettings(Exception):
    """Settings that cannot be used; `errors` has one line for each thing that is wrong."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class _Gathered:
    """The values so far, where each came from ("gateway.yaml:7", "GATEWAY_MQTT__PORT"), and what is wrong."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[Way, str] = {}
        self.errors: list[str] = []
        self.unfilled: set[Way] = set()  # has an error already: a placeholder stands there

    def put(self, way: Way, value: Any, origin: str) -> None:
        place = self.values
        for step in way[:-1]:
            inner = place.get(str(step))
            place[str(step)] = place = dict(inner) if isinstance(inner, dict) else {}
        place[str(way[-1])] = value
        self.origins = {known: said for known, said in self.origins.items() if known[:len(way)] != way}
        self.origins[way] = origin

    def value(self, way: Way) -> Any:
        """The value at `way`, None when there is none."""
        place: Any = self.values
        for step in way:
            place = place.get(str(step)) if isinstance(place, dict) else None
        return place

    def origin(self, way: Way) -> str:
        """Where the value at `way` came from; of a missing one, where its nearest relative did."""
        while way:
            for known, said in self.origins.items():
                if known[:len(way)] == way:
                    return said
            way = way[:-1]
        return "settings"


def load(path: Path | None = None, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from gateway.yaml at `path`, secrets files, environment and `overrides` (the later wins).

    Raises BadSettings with every error, each naming its file and line or its environment variable.
    """
    found, line_of = _gather(path, environ)
    for name, value in overrides.items():
        found.put((name,), value, "command line")
    if "profiles" not in found.values:
        beside = (path.parent if path else Path()) / "profiles"
        found.put(("profiles",), beside if beside.is_dir() else example_files.profiles(),
                  "default")
    if "sla" not in found.values and path is not None and (path.parent / "sla.yaml").is_file():
        found.put(("sla",), path.parent / "sla.yaml", "default")
    try:
        country = found.value(("service", "country"))  # of telephone numbers without an international prefix
        settings = Settings.model_validate(
            found.values, context={"country": country if isinstance(country, str) else ""})
    except ValidationError as error:
        for way, text in validation_errors(error, Settings):
            field = way or tuple(text.partition(":")[0].split("."))  # what is wrong between fields names one first
            missing = _is_secret(way) and found.value(way) is None
            said = f"{dotted_path(way)} is missing — {_where_secrets_stand(way)}" if missing else text
            if way not in found.unfilled:
                found.errors.append(f"{_where(found, field, path, line_of)}: {said}")
    if found.errors:
        raise BadSettings(sort_by_line(found.errors))
    return settings


def say_where(errors: Iterable[str], path: Path | None, environ: Mapping[str, str] | None = None) -> list[str]:
    """Each error that begins with the name of a setting, e.g. `on_call.dispatcher[0].people: …`, behind the file and
    line, or the environment variable, that it was read from."""
    found, line_of = _gather(path, environ)
    placed = []
    for error in errors:
        way = path_of(error.partition(": ")[0])
        known = bool(way) and way[0] in found.values
        placed.append(f"{_where(found, way, path, line_of)}: {error}" if known else error)
    return sort_by_line(placed)


def _gather(path: Path | None, environ: Mapping[str, str] | None) -> tuple[_Gathered, LineOf | None]:
    """What file, secrets files and environment say, and the lines of the file."""
    environ = os.environ if environ is None else environ
    found = _Gathered()
    line_of = _from_yaml(found, path) if path is not None else None
    _from_secrets_dir(found, environ.get("GATEWAY_SECRETS_DIR"))
    _from_environment(found, environ)
    return found, line_of


def ensure_secret(settings: Settings) -> Settings:
    """The settings with a secret: without one set, a random one is kept (0600) beside the SQLite file, so that links
    survive a restart.

    Raises BadSettings when there is no such file: gateways that share a PostgreSQL must share a secret too.
    """
    if settings.secret.get_secret_value():
        return settings
    missing = missing_secret(settings)
    if missing:
        raise BadSettings(missing)
    kept = Path(settings.database_url.removeprefix("sqlite:///")).with_suffix(".secret")
    if not kept.exists():
        fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, kept)  # whole or not at all, and the first of two starting gateways wins
        fresh.unlink()
    return settings.model_copy(update={"secret": SecretStr(kept.read_text(encoding="ascii").strip())})


def missing_secret(settings: Settings) -> list[str]:
    """The error when there is neither a secret to sign links nor a SQLite file beside which one could be kept."""
    if settings.secret.get_secret_value() or settings.database_url.startswith("sqlite:///"):
        return []
    return ["secret: missing — expected at least 32 characters in GATEWAY_SECRET: every gateway that "
            "shares this PostgreSQL database must sign links with the same one"]


def _where(found: _Gathered, way: Way, path: Path | None, line_of: LineOf | None) -> str:
    origin = found.origin(way)
    return f"{path}:{line_of(way)}" if line_of and origin == str(path) else origin


def _from_yaml(found: _Gathered, path: Path) -> LineOf | None:
    try:
        data, line_of = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        found.errors.append(f"{path}: cannot be read — {error.strerror or error}")
        return None
    except UnicodeDecodeError:
        found.errors.append(f"{path}: not UTF-8 text")
        return None
    except BadYaml as error:
        found.errors += error.errors
        return None
    if not isinstance(data, dict | None):
        found.errors.append(f"{path}:1: {type(data).__name__} — expected names with values, e.g. 'mqtt:'")
        return None
    for way, value in list(_leaves(data or {})):
        name = str(way[-1])
        placeholder = _placeholder(value)
        if placeholder:
            found.unfilled.add(way)
            found.errors.append(f"{path}:{line_of(way)}: {dotted_path(way)}: {placeholder} is not filled in here — "
                                f"{_where_secrets_stand(way)}")
        elif value is not None and _in_plain(way, value):
            found.errors.append(
                f"{path}:{line_of(way)}: {dotted_path(way)}: a secret in plain text — {_where_secrets_stand(way)}")
        elif name.endswith("_file") and _is_secret((*way[:-1], name.removesuffix("_file"))):
            _from_file(found, (*way[:-1], name.removesuffix("_file")), path.parent / str(value),
                       f"{path}:{line_of(way)}")
        else:
            found.put(way, _beside(way, value, path.parent), str(path))
    return line_of


def _beside(way: Way, value: Any, directory: Path) -> Any:
    """File names in gateway.yaml are relative to it, wherever the gateway is started."""
    if not isinstance(value, str):
        return value
    if way in (("profiles",), ("sla",), ("mappings",), ("wording",), ("fleet",), ("broker_files",),
               ("branding", "logo")) or (way[0] == "mqtt" and str(way[-1]).endswith("_file")):
        return str(directory / value)
    if way == ("database_url",) and value.startswith("sqlite:///"):
        return f"sqlite:///{directory / value.removeprefix('sqlite:///')}"
    return value


def _leaves(data: dict[str, Any], under: Way = ()) -> Iterator[tuple[Way, Any]]:
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*under, name))
        else:
            yield (*under, name), value


def _placeholder(value: Any) -> str:
    """A placeholder such as `${SMTP_PASSWORD}` in `value`, which Docker Compose would fill in; "" for none."""
    if isinstance(value, list | dict):
        return next(filter(None, map(_placeholder, value.values() if isinstance(value, dict) else value)), "")
    found = _PLACEHOLDER.search(value) if isinstance(value, str) else None
    return found[0] if found else ""


def _where_secrets_stand(way: Way) -> str:
    variable = PREFIX + "__".join(str(step) for step in way).upper()
    or_file = f", or {way[-1]}_file: FILE here" if _is_secret(way) else ""
    return f"expected it in {variable}{or_file}"


def _is_secret(way: Way) -> bool:
    return bool(way) and (way[-1] in SECRET_FIELDS or way == ("database_url",)
                          or (way[:2] == ("channels", "apprise") and len(way) == 3))


def _in_plain(way: Way, value: Any) -> bool:
    """Whether the value is a secret in plain text: a password, a signing secret, or a URL with a password."""
    if way[-1] in SECRET_FIELDS:
        return True
    return _is_secret(way) and isinstance(value, str) and ":" in urlsplit(value).netloc.rpartition("@")[0]


def _from_secrets_dir(found: _Gathered, directory: str | None) -> None:
    """Files named like the variables they stand for, upper or lower case, as Docker and Kubernetes mount them."""
    if not directory:
        return
    if not Path(directory).is_dir():
        found.errors.append(f"GATEWAY_SECRETS_DIR: {directory!r} — expected a directory")
        return
    for file in sorted(Path(directory).iterdir()):
        if file.is_file() and file.name.upper().startswith(PREFIX):
            _from_file(found, _way(file.name), file, str(file))


def _from_file(found: _Gathered, way: Way, file: Path, origin: str) -> None:
    try:
        found.put(way, file.read_text(encoding="utf-8").strip(), origin)
    except (OSError, UnicodeDecodeError) as error:
        found.errors.append(f"{origin}: {dotted_path(way)}: cannot read {file} — {error}")


def _from_environment(found: _Gathered, environ: Mapping[str, str]) -> None:
    for variable in sorted(environ):
        if not variable.upper().startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        way = _way(variable)
        if way[0] not in Settings.model_fields and not str(way[0]).endswith("_file"):
            _refuse_unknown_setting(found, variable, way)
        elif str(way[-1]).endswith("_file") and _is_secret((*way[:-1], str(way[-1]).removesuffix("_file"))):
            _from_file(found, (*way[:-1], str(way[-1]).removesuffix("_file")), Path(environ[variable]), variable)
        else:
            found.put(way, _parsed(environ[variable]), variable)


def _refuse_unknown_setting(found: _Gathered, variable: str, way: Way) -> None:
    """Kubernetes sets GATEWAY_SERVICE_HOST and the like by itself, so only what looks like a setting is an error."""
    hint = did_you_mean(str(way[0]), list(Settings.model_fields), cutoff=0.75)
    if len(way) > 1 or hint.startswith("did you mean"):
        found.errors.append(f"{variable}: no such setting — {hint}")


def _way(variable: str) -> Way:
    return tuple(variable[len(PREFIX):].lower().split("__"))


def _parsed(text: str) -> Any:
    """Lists and mappings are written as JSON; anything else is text, which pydantic reads as what the field wants."""
    if text[:1] in "[{":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text
