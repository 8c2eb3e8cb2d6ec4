"""The customer sends photos with what they tell us: what is refused, who sees them, and until when."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.flow.customers.pending_acts import PHOTOS
from gateway.flow.housekeeping import forget
from gateway.model import DAY, HOUR, Entry, EntryKind, PendingAct, Photo, provider
from gateway.store import Store
from gateway.tickets.actions import Arrive, Depart, Finish, HandBack, LeaveSite, MoveIn
from tests.drivers.web_driver import Console, WebStory, console_story, read
from tests.stories.test_photos import HTML, bomb, picture, with_place

pytestmark = pytest.mark.slow
KUNZ, KARIN = provider("kunz"), "technician Karin Kunz"
WORDS = "It drips <b>here</b>"


@pytest.fixture
def there(both_stores: Store) -> Iterator[WebStory]:
    with console_story(both_stores) as there:
        yield there


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def tell(web: httpx.Client, page: str, *files: bytes, words: str = "") -> httpx.Response:
    return web.post(f"{page}/tell", data={"words": words}, headers=HTML,
                    files=[("photo", (f"{n}.jpg", file, "image/jpeg")) for n, file in enumerate(files)])


def no_photo(web: httpx.Client, page: str, words: str) -> httpx.Response:
    """As a browser sends a field in which no file was chosen: an empty one without a name."""
    body = (f'--b\r\ncontent-disposition: form-data; name="words"\r\n\r\n{words}\r\n'
            '--b\r\ncontent-disposition: form-data; name="photo"; filename=""\r\n'
            'content-type: application/octet-stream\r\n\r\n\r\n--b--\r\n')
    return web.post(f"{page}/tell", content=body.encode(), headers={"content-type": "multipart/form-data; boundary=b"})


def sees(web: httpx.Client | Console, page: str, photo: Photo) -> bool:
    answer = web.get(f"{page}/photos/{photo.id}")
    shown = f"/photos/{photo.id}" in web.get(page).text
    assert shown == (answer.status_code == 200)
    return shown


def test_for_a_minute_only_they_see_it_then_whoever_comes_and_the_desk_do(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    there.wait(seconds=1)
    there.now += 1
    dana = there.console()
    page, visit, desk = there.follow(ticket), there.visit(ticket), f"/console/tickets/{ticket.id}"
    since = there.now
    assert tell(web, page, with_place(), words=WORDS).status_code == 303
    one = there.one(Photo)
    assert b"Lindenweg" not in one.content
    assert f"You have written: “{WORDS}”, with a photo. In a minute we pass it on" in read(web.get(page))
    assert [sees(web, page, one), sees(web, visit, one), sees(dana, desk, one)] == [True, False, False]
    there.wait(1)
    assert [sees(web, page, one), sees(web, visit, one), sees(dana, desk, one)] == [True, True, True]
    assert "from Alice" in web.get(visit).text
    assert there.heard(KUNZ, since) == ["customer_wrote"]
    mail = next(one for one in there.messages if one.to == "office@kunz.example" and WORDS in one.text)
    assert "The customer has sent a photo." in mail.text
    assert any("The customer sends a photo" in line for line in there.timeline(ticket.id))


def test_before_anybody_comes_it_waits_at_the_ticket_for_whoever_takes_it_and_is_on_no_offer(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    assert tell(web, page, picture(), picture(colour="red")).status_code == 303
    assert "You have sent 2 photos" in read(web.get(page))
    there.wait(1)
    assert "whoever comes to you can see them now" in read(web.get(page))
    assert "/photos/" not in web.get(there.offer(ticket)).text
    there.accept()
    assert all(sees(web, there.visit(ticket), one) for one in there.all(Photo))
    assert EntryKind.CUSTOMER_WROTE not in [one.kind for one in there.all(Entry, Entry.subject_id == ticket.id)]


def test_whose_visit_is_called_off_or_over_sees_nothing_more(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page, visit = there.follow(ticket), there.visit(ticket)
    tell(web, page, picture())
    there.wait(1)
    before = there.one(Photo)
    visit_id = there.again(ticket).visit_id
    for act in (Depart(visit_id, 20), Arrive(visit_id), Finish(visit_id, "done")):
        there.act(act, KARIN)
        there.wait(1)
    tell(web, page, picture(colour="red"))
    there.wait(1)
    after = next(one for one in there.all(Photo) if one.id != before.id)
    assert [sees(web, visit, before), sees(web, visit, after), sees(web, page, after)] == [True, False, True]
    other = there.break_down("bob-pump")
    assert web.get(f"{there.follow(other)}/photos/{before.id}").status_code == 404


def test_a_firm_that_hands_back_sees_the_home_no_longer(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page, visit = there.follow(ticket), there.visit(ticket)
    tell(web, page, picture())
    there.wait(1)
    assert sees(web, visit, there.one(Photo))
    there.act(HandBack(there.again(ticket).visit_id, "the van broke down"), KARIN)
    assert web.get(f"{visit}/photos/{there.one(Photo).id}").status_code == 404
    assert sees(web, page, there.one(Photo))


def test_they_take_it_back_and_the_photo_is_gone(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    tell(web, page, picture())
    web.post(page, data={"act": "take_back", "pending": there.one(PendingAct).id})
    assert there.all(Photo) == []
    assert "Taken back: Your photos." in read(web.get(page))
    assert tell(web, page, picture()).status_code == 303  # they have thought better of it
    there.wait(1)
    assert len(there.all(Photo)) == 1


@pytest.mark.parametrize(("file", "status", "says"), [
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 422, "cannot read this file as a photo"),
    (b"%PDF-1.7 and so on", 422, "cannot read this file as a photo"),
    (b"\x00\x00\x00\x18ftypheic" + bytes(40), 422, "HEIC"),
    (bomb(), 422, "more than 64 million pixels"),
    (b"", 422, "choose a photo first"),
    (bytes(12 * 1024 * 1024 + 1), 413, "more than 12 MB"),
])
def test_what_is_no_photo_is_refused_with_a_sentence_and_the_words_are_still_there(
        there: WebStory, web: httpx.Client, file: bytes, status: int, says: str) -> None:
    page = there.follow(there.break_down())
    answer = tell(web, page, picture(), file, words=WORDS)
    assert says in read(answer, status)
    assert "It drips &lt;b&gt;here&lt;/b&gt;</textarea>" in answer.text
    assert 'aria-describedby="photo-error photo-hint" autofocus' in answer.text
    assert there.all(Photo) == []
    there.wait(1)
    assert WORDS not in read(web.get(page))


def test_fifty_megabytes_get_a_sentence_too(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    assert "more than 12 MB" in read(tell(web, page, bytes(50 * 1024 * 1024)), 413)
    assert web.post(f"{page}/change", data={"act": "tell", "words": "x" * 70_000}).status_code == 413


def test_words_alone_go_by_the_same_form_and_nothing_at_all_is_asked_back(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    form = web.get(f"{page}/change").text
    assert f'action="{page}/tell" enctype="multipart/form-data"' in form
    assert "Please write what we should know." in read(no_photo(web, page, " "), 422)
    assert no_photo(web, page, WORDS).status_code == 303
    there.wait(1)
    assert f"You wrote: “{WORDS}”" in read(web.get(page))


def test_the_same_tap_twice_sends_once(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    for _ in range(2):
        assert tell(web, page, picture(), words=WORDS).status_code == 303
    there.wait(1)
    assert tell(web, page, picture()).status_code == 303  # this very photo has come
    there.wait(1)
    assert len(there.all(Photo)) == 1
    kinds = [one.kind for one in there.all(Entry, Entry.subject_id == ticket.id)]
    assert [kinds.count(EntryKind.CUSTOMER_WROTE), kinds.count(EntryKind.CUSTOMER_SENT_PHOTOS)] == [1, 1]


def test_twenty_of_a_ticket_and_sixty_a_day_by_a_link_are_enough(there: WebStory, web: httpx.Client) -> None:
    page = there.follow(there.break_down())
    tell(web, page, picture())
    first = there.one(Photo)
    there.add(*(Photo(**first.model_dump() | {"id": f"F-{number}", "digest": str(number)})
                for number in range(PHOTOS - 1)))
    assert "20 photos of yours" in read(tell(web, page, picture(colour="red"), words=WORDS), 409)
    for _ in range(58):
        assert tell(web, page, b"no photo").status_code == 422
    assert "until tomorrow" in read(tell(web, page, picture()), 429)
    assert tell(web, page, words=WORDS).status_code in (303, 422)
    there.now += DAY
    assert tell(web, page, b"no photo").status_code == 422


def test_ninety_days_and_moving_out_end_them(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    tell(web, page, picture())
    there.wait(1)
    forget(there.gw, there.now + 89 * DAY)
    assert len(there.all(Photo)) == 1
    forget(there.gw, there.now + 90 * DAY + HOUR)
    assert there.all(Photo) == []


def test_who_moves_out_within_the_minute_leaves_no_picture_for_those_after_them(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    tell(web, page, picture())
    there.wait(1)
    tell(web, page, picture(colour="red"))
    there.act(LeaveSite("alice-home"))
    there.act(MoveIn("alice-home", "bob"))
    there.wait(2)
    assert sorted(one.waits_for is None for one in there.all(Photo)) == [False, True], "the other was never passed on"
    dana = there.console()
    for one in there.all(Photo):
        assert web.get(f"{page}/photos/{one.id}").status_code == 404
        assert dana.get(f"/console/tickets/{ticket.id}/photos/{one.id}").status_code == 404
    forget(there.gw, there.now)
    assert there.all(Photo) == []
