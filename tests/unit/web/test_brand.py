"""The operator's colour, logo and pages: read, measured, served, and the same on pages and in mails."""

import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app.check import check_all
from gateway.config.branding.colours import BLACK, DARK, ENOUGH, LIGHT, WHITE, contrast, lowest, nearest, shades
from gateway.config.branding.logo import LIMIT, BadLogo, read_logo
from gateway.config.settings import Branding, Smtp
from gateway.notifications.catalogues import messages
from gateway.notifications.channels.email import compose
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.web.branding import brand_of
from gateway.web.pages.templates import STATIC
from tests.drivers.web_driver import WebStory, web_story
from tests.fixtures.web import serve
from tests.unit.notifications.test_templates import FACTS

SVG = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def png(width: int = 64, height: int = 32) -> bytes:
    """A picture of one colour."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + b"\x0a\x68\x79" * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x30\x00\x60\x03" + bytes(9) + b"\xff\xd9"  # 96 × 48


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    (tmp_path / "logo.png").write_bytes(png())
    return tmp_path / "logo.png"


# --- colours


def test_contrast_is_what_wcag_says() -> None:
    assert contrast(BLACK, WHITE) == contrast(WHITE, BLACK) == 21
    assert contrast("#777777", WHITE) == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails
    assert contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#ffcc00", "#ff0000", "#00ff00", "#0000ff", "#0b6e7f",
                                    "#808080", "#e6007e", "#123456", "#fefefe", "#00ffff"])
def test_every_colour_gives_shades_that_can_be_read(colour: str) -> None:
    light, on_light, chosen_light, dark, on_dark, chosen_dark = shades(colour)
    assert lowest(light, LIGHT) >= ENOUGH <= contrast(on_light, light)
    assert lowest(dark, DARK) >= ENOUGH <= contrast(on_dark, dark)
    assert contrast("#192225", chosen_light) >= ENOUGH <= contrast("#e9efee", chosen_dark), "ink on what is chosen"


def test_a_colour_that_can_be_read_stays_as_it_is_and_another_changes_no_more_than_it_must() -> None:
    assert nearest("#0a5566", LIGHT, BLACK) == "#0a5566"
    assert lowest(nearest("#ffcc00", LIGHT, BLACK), LIGHT) == pytest.approx(ENOUGH, abs=0.1)


def test_the_grounds_are_those_of_the_pages() -> None:
    """Whoever adds a ground to a style sheet adds it to the colours that are measured."""
    for file, but in (("page.css", set()), ("console/console.css", {"chosen"})):
        roots = re.findall(r":root \{([^}]*)\}", (STATIC / file).read_text(encoding="utf-8"))
        for block, known in zip(roots, (LIGHT, DARK), strict=True):
            grounds = dict(re.findall(r"--([a-z-]*ground|card|raised|hover): (#[0-9a-f]+)", block))
            there = {"#" + "".join(digit * 2 for digit in one[1:]) if len(one) == 4 else one
                     for name, one in grounds.items() if name not in {*but, "bad-ground"}}
            assert there <= {*known}, f"{file}: {there - {*known}}"


# --- the logo


def test_a_png_and_a_jpeg_are_taken_with_their_size(logo: Path) -> None:
    assert (read_logo(logo).kind, read_logo(logo).width, read_logo(logo).height) == ("png", 64, 32)
    logo.write_bytes(JPEG)
    assert (read_logo(logo).kind, read_logo(logo).width, read_logo(logo).height) == ("jpeg", 96, 48)


@pytest.mark.parametrize(("content", "why"), [
    (SVG, "an SVG, which may hold programs"), (b"\n <svg/>", "an SVG"), (b"", "no picture that is known here"),
    (b"GIF89a\x01\x00\x01\x00", "no picture that is known here"), (b"\xff\xd8\xff\xe0\xff", "a broken JPEG"),
    (png(8, 8), "8 × 8 pixels — expected 16 to 2000 a side"), (png()[:16] + b"\xff" * 8, "pixels — expected 16"),
    (png() + bytes(LIMIT), "more than 100 KB")])
def test_what_is_no_logo_is_refused_with_what_was_expected(logo: Path, content: bytes, why: str) -> None:
    logo.write_bytes(content)
    with pytest.raises(BadLogo, match=re.escape(why)):
        read_logo(logo)


# --- gateway check


def check(folder: Path, branding: str) -> tuple[list[str], list[str]]:
    """(errors, warnings) that speak of the branding."""
    (folder / "gateway.yaml").write_text(f"service:\n  name: Wiesental Service\nbranding:\n{branding}",
                                         encoding="utf-8")
    found = check_all(folder / "gateway.yaml", None)
    return ([one.removeprefix(f"{folder}/") for one in found.errors if "branding" in one],
            [one for one in found.warnings if "branding" in one])


@pytest.mark.parametrize(("branding", "said"), [
    ("  colour: #0b6e7f\n", "gateway.yaml:4: branding.colour: None — expected a colour in quotation marks, e.g. "
                            '"#0b6e7f": # begins a comment otherwise'),
    ("  colour: petrol\n", "gateway.yaml:4: branding.colour: 'petrol' — expected a colour of six hexadecimal digits in "
                           'quotation marks, e.g. "#0b6e7f"'),
    ('  colour: "#12345"\n', "gateway.yaml:4: branding.colour: '#12345' — expected a colour of six"),
    ('  imprint: "javascript:alert(1)"\n', "gateway.yaml:4: branding.imprint: 'javascript:alert(1)' — expected a web "
                                           "address"),
    ("  logo: none.png\n", "/none.png' — cannot be read (No such file or directory) — expected a PNG or JPEG"),
    ('  colour_dark: "#ffffff"\n', "gateway.yaml:4: branding.colour_dark: only together with branding.colour"),
    ("  color: 1\n", "gateway.yaml:4: branding.color: no such field — did you mean 'colour'?")])
def test_what_cannot_be_used_is_named_with_line_value_and_what_was_expected(
        tmp_path: Path, branding: str, said: str) -> None:
    errors, _ = check(tmp_path, branding)
    assert len(errors) == 1
    assert errors[0].startswith("gateway.yaml:4: branding.")
    assert said in errors[0]


def test_a_colour_that_cannot_be_read_is_measured_and_the_nearest_that_can_is_named(tmp_path: Path) -> None:
    errors, warnings = check(tmp_path, '  colour: "#ffcc00"\n  colour_dark: "#003344"\n')
    assert errors == []
    pale, dark = warnings
    assert "branding.colour: '#ffcc00' is too pale: its contrast is 1.5:1 with white text on it" in pale
    assert f"expected {nearest('#ffcc00', LIGHT, BLACK)!r}, the nearest shade" in pale
    assert f"expected {nearest('#003344', DARK, WHITE)!r}, the nearest shade" in dark
    again, none = check(tmp_path, f'  colour: "{nearest("#ffcc00", LIGHT, BLACK)}"\n')
    assert (again, none) == ([], []), "what it proposes is good"


# --- pages and mails


@pytest.fixture
def there(store: Store, logo: Path) -> WebStory:
    there = web_story(store)
    branding = Branding(colour="#8a1f5c", logo=logo, imprint="https://wiesental.example/imprint?a=1&b=2",
                        privacy="https://wiesental.example/privacy")
    there.gw.settings = there.gw.settings.model_copy(update={"branding": branding})
    there.base = serve(there.gw, there.clock, lambda: there.health)
    return there


def test_each_page_has_the_colour_the_logo_and_the_links_and_browsers_may_keep_them(there: WebStory) -> None:
    ticket = there.break_down()
    with there.client() as web:
        pages = [web.get(there.follow(ticket)).text, web.get(there.offer(ticket)).text, web.get("/f/none").text,
                 web.get("/console/sign-in").text]
        for page in pages:
            [style] = re.findall(r'href="(/static/brand.css\?v=\w+)"', page)
            [picture] = re.findall(r'<img class="logo" src="(/static/logo\?v=\w+)" alt=""', page)
            assert "style=" not in page
            assert "<style" not in page
        for page in pages[:3]:
            assert '<a href="https://wiesental.example/imprint?a=1&amp;b=2">Legal notice</a>' in page
            assert '<a href="https://wiesental.example/privacy">Privacy</a>' in page
        css, logo = web.get(style), web.get(picture)
        assert "--accent: #8a1f5c" in css.text
        assert css.headers["content-type"].startswith("text/css")
        assert (logo.content, logo.headers["content-type"]) == (png(), "image/png")
        for path, answer in ((style, css), (picture, logo)):
            assert "immutable" in answer.headers["cache-control"]
            assert web.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_without_branding_there_is_nothing_of_it(store: Store) -> None:
    there = web_story(store)
    with there.client() as web:
        page = web.get(there.follow(there.break_down())).text
        assert "brand.css" not in page
        assert "logo" not in page
        assert "legal" not in page
        assert web.get("/static/brand.css?v=1").status_code == web.get("/static/logo?v=1").status_code == 404


def test_a_mail_has_the_same_colour_logo_and_links_and_its_text_has_the_links(logo: Path) -> None:
    branding = Branding(colour="#ffcc00", logo=logo, imprint="https://wiesental.example/imprint",
                        privacy="https://wiesental.example/privacy")
    message = messages().word(TopicName.FAULT_FOUND, "de", replace(FACTS, branding=branding))
    assert message.long_text.endswith("\n\nImpressum: https://wiesental.example/imprint\n"
                                      "Datenschutz: https://wiesental.example/privacy\n")
    assert f"background:{shades('#ffcc00').light}" in message.long_html
    assert re.search('<a [^>]*href="https://wiesental.example/imprint"[^>]*>Impressum</a>', message.long_html)
    assert "branding" not in message.data
    mail = compose(Smtp(host="h", sender="a@example.com"), "b@example.com", message, "N-1", read_logo(logo))
    [picture] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<logo>"
    assert 'src="cid:logo"' in message.long_html
    assert picture.get_payload(decode=True) == png()
    plain = messages().word(TopicName.FAULT_FOUND, "de", FACTS)
    assert "Impressum" not in plain.long_text
    assert "cid:" not in plain.long_html


def test_a_colour_dark_is_used_on_dark_pages() -> None:
    assert "--accent: #ffd0e8" in brand_of(Branding(colour="#8a1f5c", colour_dark="#ffd0e8")).style
