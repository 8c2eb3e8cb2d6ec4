"""Renders the HTML pages with Jinja: escaped, strict about missing values, with URLs that work behind a prefix."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from gateway.config.phone_numbers import for_people
from gateway.config.settings import Settings
from gateway.model import DAY, HOUR, MINUTE, to_iso
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues.compiled_templates import CompiledTemplates
from gateway.web.branding import Brand, brand_of

_HERE = Path(__file__).parents[1]
STATIC = _HERE / "static"


@cache
def _environment() -> Environment:
    """Jinja with every template loaded, so that no page fails for lack of file descriptors."""
    environment = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True, auto_reload=False,
                              bytecode_cache=CompiledTemplates())
    environment.filters["code"] = lambda text: Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    environment.filters["iso"], environment.filters["short"] = to_iso, short_duration
    environment.filters["telephone"] = for_people
    for name in environment.list_templates():
        environment.get_template(name)
    return environment


def short_duration(ms: int) -> str:
    """In a column of a table: `now`, `5 min`, `3 h`, `2 d`; live.js says it the same way."""
    for unit, size in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if ms >= size:
            return f"{ms // size} {unit}"
    return "now"


@dataclass(frozen=True)
class Renderer:
    """Renders templates; each sees `root`, `asset(name)`, `service` (name and phone), `brand` (what it looks like)
    and `w` (the words)."""

    settings: Settings
    environment: Environment = field(default_factory=_environment)
    versions: dict[str, str] = field(default_factory=lambda: {
        file.relative_to(STATIC).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        for file in STATIC.rglob("*") if file.is_file()})
    brand: Brand = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "brand", brand_of(self.settings.branding))
        self.versions.update(self.brand.versions)

    @property
    def root(self) -> str:
        """The path of web.public_url, e.g. "" or "/service"."""
        return urlsplit(self.settings.web.public_url).path.rstrip("/")

    def asset(self, name: str) -> str:
        """A static file's path, with a hash of its content, so that browsers may cache it for ever."""
        return f"{self.root}/static/{name}?v={self.versions[name]}"

    def text(self, template: str, words: Catalogue, **facts: Any) -> str:
        return self.environment.get_template(template).render(
            root=self.root, asset=self.asset, service=self.settings.service, brand=self.brand, w=words, **facts)

    def page(self, template: str, words: Catalogue, status: int = 200, **facts: Any) -> HTMLResponse:
        return HTMLResponse(self.text(template, words, **facts), status)
