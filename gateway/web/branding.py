"""Serves the operator's colour and logo as files that browsers keep: the content security policy allows no style within
a page."""

import hashlib
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway.config.branding.colours import shades
from gateway.config.branding.logo import Logo, read_logo
from gateway.config.settings import Branding
from gateway.web.routes import Routes

STYLE, LOGO = "brand.css", "logo"  # below /static/

router = Routes(include_in_schema=False)


@dataclass(frozen=True)
class Brand:
    """What every page shows of the operator; nothing of it has to be set."""

    style: str = ""  # CSS
    logo: Logo | None = None
    imprint: str | None = None
    privacy: str | None = None

    @property
    def versions(self) -> dict[str, str]:
        """Static file → a hash of its content, of those that there are."""
        style = {STYLE: hashlib.sha256(self.style.encode()).hexdigest()[:12]} if self.style else {}
        return style | ({LOGO: self.logo.version} if self.logo else {})


def brand_of(settings: Branding) -> Brand:
    """Raises BadLogo."""
    return Brand(_style(settings.colour, settings.colour_dark) if settings.colour else "",
                 read_logo(settings.logo) if settings.logo else None, settings.imprint, settings.privacy)


@router.get(f"/static/{STYLE}")
def style(request: Request) -> Response:
    return _file(request, _brand(request).style.encode(), "text/css; charset=utf-8")


@router.get(f"/static/{LOGO}")
def logo(request: Request) -> Response:
    there = _brand(request).logo
    return _file(request, there.content if there else b"", f"image/{there.kind}" if there else "")


def _brand(request: Request) -> Brand:
    brand: Brand = request.app.state.renderer.brand
    return brand


def _file(request: Request, content: bytes, kind: str) -> Response:
    if not content:
        raise HTTPException(404)
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"etag": etag})
    return Response(content, media_type=kind, headers={"etag": etag})


def _style(colour: str, colour_dark: str) -> str:
    light, on_light, chosen_light, dark, on_dark, chosen_dark = shades(colour, colour_dark)
    return (f":root {{ --accent: {light}; --on-accent: {on_light}; --chosen: {chosen_light}; }}\n"
            "@media (prefers-color-scheme: dark) {\n"
            f"  :root {{ --accent: {dark}; --on-accent: {on_dark}; --chosen: {chosen_dark}; }}\n"
            "}\n")
