"""Photos of a visit: what arrives is small and plain, who sees it, and what is no photo is refused in words."""

import io
import struct
import zlib
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from gateway.flow.housekeeping import forget
from gateway.model import DAY, HOUR, Photo, Visit
from gateway.store import Store
from gateway.tickets.actions import HandBack, LeaveSite
from tests.drivers.web_driver import WebStory, read, web_story

pytestmark = pytest.mark.slow
KEY = {"Idempotency-Key": "0b9a52c4-photo-1"}
HTML = {"accept": "text/html"}


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def coming(there: WebStory) -> tuple[Visit, str, str]:
    """The visit, its page, and the customer's."""
    ticket = there.break_down()
    there.accept()
    return there.one(Visit), there.visit(ticket), there.follow(ticket)


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), colour: str = "teal", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **options)
    return out.getvalue()


def with_place() -> bytes:
    """Held upright, with the place and the camera in it."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Lindenweg Cameras"  # orientation: turn it by a quarter; make
    exif.get_ifd(0x8825)[1] = "N"
    return picture(exif=exif, comment=b"Lindenweg 3")


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 60,000 pixels wide and high."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(60_000))) + chunk(b"IEND", b""))


def send(web: httpx.Client, page: str, *files: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return web.post(f"{page}/photos", files=[("photo", (f"{n}.jpg", file, "image/jpeg"))
                                             for n, file in enumerate(files)], headers=headers)


def test_a_photo_is_turned_made_small_and_says_nothing_of_where_it_was_taken(
        there: WebStory, web: httpx.Client) -> None:
    _, page, _ = coming(there)
    assert send(web, page, with_place()).status_code == 303
    kept = there.one(Photo)
    assert (kept.width, kept.height) == (40, 60)
    assert b"Lindenweg" not in kept.content
    assert b"Exif" not in kept.content
    assert send(web, page, picture(size=(5000, 2500))).status_code == 303
    assert max((one.width, one.height) for one in there.all(Photo)) == (2048, 1024)


def test_both_parties_of_the_visit_see_it_and_nobody_else(there: WebStory, web: httpx.Client) -> None:
    _, page, follow = coming(there)
    send(web, page, picture("PNG"), picture("WEBP", colour="red"))
    for where in (page, follow):
        shown = web.get(where)
        assert "Photo 2, from Karin Kunz" in shown.text
        for one in there.all(Photo):
            answer = web.get(f"{where}/photos/{one.id}")
            assert answer.headers["content-type"] == "image/jpeg"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.content == one.content
    other = there.break_down("bob-pump")
    assert web.get(f"{there.follow(other)}/photos/{there.all(Photo)[0].id}").status_code == 404
    assert web.get(f"{page}x/photos/{there.all(Photo)[0].id}").status_code == 404


@pytest.mark.parametrize(("file", "says"), [
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "cannot read this file as a photo"),
    (b"%PDF-1.7 and so on", "cannot read this file as a photo"),
    (picture("GIF"), "cannot read this file as a photo"),
    (b"\x00\x00\x00\x18ftypheic" + bytes(40), "HEIC"),
    (picture(size=(800, 600))[:-900], "did not arrive whole"),
    (bomb(), "more than 64 million pixels"),
    (b"", "choose a photo first"),
])
def test_what_is_no_photo_is_refused_with_what_to_do(
        there: WebStory, web: httpx.Client, file: bytes, says: str) -> None:
    _, page, _ = coming(there)
    assert says in read(send(web, page, file), 422)
    assert there.all(Photo) == []


def test_one_of_several_that_cannot_be_used_does_not_take_the_others_with_it(
        there: WebStory, web: httpx.Client) -> None:
    _, page, _ = coming(there)
    assert "cannot read this file" in read(send(web, page, picture(), b"no photo"), 422)
    assert len(there.all(Photo)) == 1


@pytest.mark.parametrize("megabytes", [13, 50])
def test_a_photo_that_is_too_large_gets_a_sentence(there: WebStory, web: httpx.Client, megabytes: int) -> None:
    _, page, _ = coming(there)
    large = bytes(megabytes * 1024 * 1024)
    assert "more than 12 MB" in read(send(web, page, large, headers=HTML), 413)
    assert "more than 12 MB" in send(web, page, large).json()["detail"]
    assert there.all(Photo) == []


def test_elsewhere_a_body_may_be_as_large_as_before(there: WebStory, web: httpx.Client) -> None:
    _, page, _ = coming(there)
    assert web.post(page, data={"act": "finish", "note": "x" * 70_000}).status_code == 413


def test_the_same_photo_sent_twice_is_kept_once(there: WebStory, web: httpx.Client) -> None:
    _, page, _ = coming(there)
    answers = [send(web, page, picture(), headers=KEY) for _ in range(2)]
    assert [one.json() for one in answers] == [{"act": "photo", "status": "done"}] * 2
    assert send(web, page, picture()).status_code == 303
    assert len(there.all(Photo)) == 1
    other = send(web, page, picture(colour="red"), headers=KEY)
    assert other.status_code == 422
    assert "Something else was sent" in other.json()["detail"]


def test_a_visit_has_twenty_photos_at_most(there: WebStory, web: httpx.Client) -> None:
    visit, page, _ = coming(there)
    send(web, page, picture())
    first = there.one(Photo)
    there.add(*(Photo(**first.model_dump() | {"id": f"F-{number}", "digest": str(number)}) for number in range(19)))
    assert "20 photos already" in read(send(web, page, picture(colour="red")), 409)
    assert len(there.all(Photo, Photo.visit_id == visit.id)) == 20


def test_nobody_adds_photos_to_a_visit_that_was_handed_back(there: WebStory, web: httpx.Client) -> None:
    visit, page, _ = coming(there)
    there.act(HandBack(visit.id, "the van broke down"), "technician Karin Kunz")
    assert "no longer possible" in read(send(web, page, picture()), 409)
    assert "Add photos" not in read(web.get(page))


def test_photos_are_deleted_after_ninety_days(there: WebStory, web: httpx.Client) -> None:
    _, page, _ = coming(there)
    send(web, page, picture())
    forget(there.gw, there.now + 89 * DAY)
    assert len(there.all(Photo)) == 1
    forget(there.gw, there.now + 90 * DAY)
    assert there.all(Photo) == []


def test_who_moves_out_takes_their_home_out_of_the_pictures(there: WebStory, web: httpx.Client) -> None:
    visit, page, _ = coming(there)
    send(web, page, picture())
    there.now += HOUR
    one = there.one(Photo)
    there.act(LeaveSite(one.site_id), "agent Dana")
    assert web.get(f"{page}/photos/{one.id}").status_code == 404
    assert "Photo 1" not in web.get(page).text
    forget(there.gw, there.now)
    assert there.all(Photo, Photo.visit_id == visit.id) == []


def test_camera_and_position_are_for_the_visits_page_only(there: WebStory, web: httpx.Client) -> None:
    _, page, follow = coming(there)
    assert web.get(page).headers["permissions-policy"] == "geolocation=(self), camera=(self), microphone=()"
    assert web.get(follow).headers["permissions-policy"] == "geolocation=(), camera=(), microphone=()"


def test_a_link_brings_sixty_photos_a_day_usable_or_not(there: WebStory, web: httpx.Client) -> None:
    _, page, _ = coming(there)
    for _ in range(3):
        files = [("photo", (f"{number}.jpg", b"no photo")) for number in range(20)]
        assert web.post(f"{page}/photos", files=files, headers=HTML).status_code == 422
    assert "until tomorrow" in read(send(web, page, picture()), 429)
    there.now += DAY
    assert there.all(Photo) == []
    assert web.get(page).status_code in (200, 404)
