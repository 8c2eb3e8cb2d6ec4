"""The pages behind signed links, read and used as people do, without a script."""

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from gateway import links
from gateway.model import HOUR, MINUTE, Callback, Customer, Entry, Link, Offer, Ticket, Visit, from_iso
from gateway.planning.acts import AttemptCallback, CancelTicket, Finish, MissCallback
from gateway.store import Store
from gateway.web import sparkline, windows
from gateway.web.words import CATALOGUES
from tests.street import Street, street


@pytest.fixture
def there(store: Store) -> Iterator[Street]:
    with street(store) as opened:
        yield opened


@pytest.fixture
def web(there: Street) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def read(answer: httpx.Response, status: int = 200) -> str:
    """What a person sees: the page's words, one space between them."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    visible = re.sub(r"(?s)<head>.*?</head>|<[^>]+>", " ", answer.text)
    return " ".join(unescape(visible).split())


def accept(there: Street, web: httpx.Client, page: str, **form: str) -> httpx.Response:
    window = {"window": f"{there.now}-{there.now + 4 * HOUR}"}
    return web.post(page, data={"act": "accept", "technician": "Karin Kunz"} | window | form)


# the customer


def test_the_customer_reads_what_is_wrong_and_that_somebody_is_asked(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = read(web.get(there.follow(ticket)))
    assert "We are asking a local firm" in page
    assert "What is wrong Compressor fault Device Heat pump Since Today 13:00" in page
    assert f"Your number {ticket.id}" in page
    assert "Call us +41 44 668 18 00" in page


def test_a_customer_reads_their_own_language(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down("bob-pump")
    answer = web.get(there.follow(ticket))
    assert '<html lang="de">' in answer.text
    page = read(answer)
    assert "Wir fragen einen Betrieb in Ihrer Nähe" in page
    assert "Was nicht stimmt Kompressorstörung" in page
    assert "Seit Heute 13:00" in page


def test_the_customer_follows_the_whole_way_from_fault_to_fixed(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    there.accept()
    told = read(web.get(page))
    assert "Karin Kunz is coming from Kunz Heating Arrives Today 13:00–17:00" in told
    visit = there.visit(ticket)
    there.now += 10 * MINUTE
    web.post(visit, data={"act": "depart", "minutes": "20"})
    assert "Karin Kunz is on the way from Kunz Heating Arrives about Today 13:30" in read(web.get(page))
    there.now += 20 * MINUTE
    web.post(visit, data={"act": "arrive"})
    assert "Karin Kunz is with you" in read(web.get(page))
    web.post(visit, data={"act": "finish", "note": "Filter cleaned", "outcome": "complete"})
    told = read(web.get(page))
    assert "It is fixed" in told
    assert "What was done Filter cleaned" in told
    assert "today 13:30 The work was finished. today 13:30 Karin Kunz arrived. today 13:10 Karin Kunz set out." in told


def test_the_progress_line_says_in_words_what_colours_show(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    told = read(web.get(there.follow(ticket)))
    assert ("Noticed (done) Firm asked (done) Technician assigned (now) On the way (to come) On site (to come) "
            "Fixed (to come)") in told


def test_a_device_that_recovers_by_itself_needs_nobody_and_the_page_says_so(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.hear("devices/alice-pump/fault", {"code": "E7", "active": False})
    told = read(web.get(there.follow(ticket)))
    assert "The fault is gone" in told
    assert "On site (not needed) Fixed (done)" in told


def test_who_is_late_says_so(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.follow(ticket)
    assert "sorry" not in read(web.get(page))
    there.now += 4 * HOUR + MINUTE
    assert "We are later than we promised, and we are sorry." in read(web.get(page))


def test_an_arrival_expected_after_the_promised_window_is_already_a_broken_promise(
        there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    there.now += 3 * HOUR + 50 * MINUTE
    web.post(there.visit(ticket), data={"act": "depart", "minutes": "60"})
    assert "We are later than we promised" in read(web.get(there.follow(ticket)))


def test_a_visit_that_did_not_settle_it_is_told_as_it_is(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    visit = there.visit(ticket)
    web.post(visit, data={"act": "arrive"})
    web.post(visit, data={"act": "finish", "outcome": "no_access"})
    assert "The visit did not settle it" in read(web.get(there.follow(ticket)))


def test_a_cancelled_ticket_says_that_nobody_comes(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.act(CancelTicket(ticket.id, "sold the house to a friend"))
    told = read(web.get(there.follow(ticket)))
    assert "Nobody will come for it." in told
    assert "sold the house" not in told


def test_nothing_internal_reaches_the_customer(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.add(Entry(subject_id=ticket.id, at=there.now, who="agent Dana", what="Customer is difficult", why={}))
    web.post(there.offer(ticket), data={"act": "decline", "reason": "other_reason", "words": "never again to her"})
    told = web.get(there.follow(ticket)).text
    for secret in ("difficult", "never again", "Kunz", "Seeblick", "neighbour", "critical", "E7", "heating"):
        assert secret not in told


def test_a_callback_is_promised_called_missed_and_settled_on_one_page(there: Street, web: httpx.Client) -> None:
    callback = there.call_for_help()
    page = there.follow(callback)
    told = read(web.get(page))
    assert "We will call you At the latest Today 14:00" in told
    assert "You pressed “Help button”." in told
    there.act(AttemptCallback(callback.id))
    assert "We are calling you now" in read(web.get(page))
    there.act(MissCallback(callback.id))
    assert "We could not reach you" in read(web.get(page))
    there.now += 2 * HOUR
    assert "We promised to call by then and did not." in read(web.get(page))
    there.change(callback, state="done", closed_at=there.now)
    assert "Your request is settled" in read(web.get(page))


def test_who_presses_about_a_known_fault_reads_that_it_is_known(there: Street, web: httpx.Client) -> None:
    there.break_down()
    callback = there.call_for_help(kind="long")
    told = read(web.get(there.follow(callback)))
    assert "We already know about this Compressor fault" in told
    assert "You asked for urgent help" in told


def test_every_state_of_a_ticket_and_of_a_callback_has_its_page(there: Street, web: httpx.Client) -> None:
    ticket, callback = there.break_down(), there.call_for_help()
    for state in ("new", "offered", "assigned", "en_route", "on_site", "on_hold", "resolved", "closed", "cancelled"):
        there.change(ticket, state=state)
        read(web.get(there.follow(ticket)))
    for state in ("requested", "attempting", "connected", "done", "expired", "cancelled"):
        there.change(callback, state=state)
        read(web.get(there.follow(callback)))


def test_the_live_part_is_sent_again_only_when_something_has_changed(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.follow(ticket)
    whole = web.get(page)
    version = re.search(r"data-version='([^']+)'", unescape(whole.text))
    assert version
    tag = {"If-None-Match": version[1]}
    there.now += MINUTE
    unchanged = web.get(f"{page}/live", headers=tag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    there.accept()
    changed = web.get(f"{page}/live", headers=tag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != version[1]
    assert changed.text in web.get(page).text


def test_without_a_script_the_page_loads_itself_again(there: Street, web: httpx.Client) -> None:
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in web.get(
        there.follow(there.break_down())).text


def test_what_people_typed_is_never_markup(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    accept(there, web, there.offer(ticket), technician="<script>alert(1)</script>")
    page = web.get(there.follow(ticket)).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is coming" in page


# the provider


def test_before_accepting_a_provider_sees_the_fault_and_the_town_but_not_the_home(
        there: Street, web: httpx.Client) -> None:
    there.says("alice-pump", flow_temp=80.0)
    page = read(web.get(there.offer(there.ticket)))
    assert "The heat pump is overheating" in page
    assert "Heat pump · 8001 Wiesental" in page
    assert "Please answer by today 13:10" in page
    assert "flow temp 80 °C Rule flow_temp > 75.0" in page
    for private in ("Alice", "Lindenweg", "neighbour"):
        assert private not in page


def test_accepting_leads_to_the_visit_with_everything_needed_to_go(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.measure()
    answer = accept(there, web, there.offer(ticket))
    assert (answer.status_code, answer.headers["location"]) == (303, there.visit(ticket))
    page = web.get(there.visit(ticket))
    told = read(page)
    assert "Alice Keller Lindenweg 1 8001 Wiesental" in told
    assert "the key is with the neighbour" in told
    assert 'href="geo:47.37,8.54?q=47.37,8.54(Lindenweg%201%2C%208001%20Wiesental)"' in page.text
    assert "flow temp 72.1 °C" in told
    assert page.text.count("<polyline") == 3
    assert "The device still reports the fault." in told
    visit = there.one(Visit)
    assert (visit.technician, visit.window_from) == ("Karin Kunz", there.now)
    assert "provider Kunz Heating" in [entry.who for entry in there.all(Entry, Entry.subject_id == ticket.id)]


def test_the_link_in_the_offer_leads_on_to_the_visit_once_accepted(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    accept(there, web, page)
    assert web.get(page).headers["location"] == there.visit(ticket)


def test_the_windows_on_the_page_can_be_chosen_as_they_are(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = web.get(there.offer(ticket)).text
    choices = re.findall(r'name="window" value="(\d+)-(\d+)"', page)
    assert len(choices) == 3
    assert accept(there, web, there.offer(ticket), window="-".join(choices[1])).status_code == 303
    visit = there.one(Visit)
    assert (str(visit.window_from), str(visit.window_until)) == choices[1]


def test_a_window_can_be_typed_in_the_time_of_the_place(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    typed = {"window": "other", "window_from": "2026-11-24T09:00", "window_until": "2026-11-24T11:30"}
    assert accept(there, web, there.offer(ticket), **typed).status_code == 303
    assert there.one(Visit).window_from == from_iso("2026-11-24T09:00:00+01:00")


@pytest.mark.parametrize("form", [
    {"window": "other"}, {"window": "other", "window_from": "soon", "window_until": "2026-11-24T11:30"},
    {"window": "other", "window_from": "2026-11-24T11:00", "window_until": "2026-11-24T09:00"},
    {"window": "other", "window_from": "2020-01-01T08:00", "window_until": "2020-01-01T12:00"},
    {"window": ""}, {"window": "1-2"}, {"window": "1-2-3"}, {"window": "a-b"},
])
def test_a_window_that_makes_no_sense_is_asked_for_again(
        there: Street, web: httpx.Client, form: dict[str, str]) -> None:
    ticket = there.break_down()
    told = read(accept(there, web, there.offer(ticket), **form), 422)
    assert "arrival window" in told
    assert "Accept this job" in told
    assert there.again(ticket).state == "offered"


def test_declining_asks_the_next_and_keeps_the_reason(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    assert web.post(page, data={"act": "decline", "reason": "too_far", "words": "snow"}).status_code == 303
    assert "You declined this job." in read(web.get(page))
    first, second = sorted(there.all(Offer), key=lambda offer: offer.rank)
    assert (first.answer, second.state) == ("Too far away: snow", "pending")


def test_an_answer_that_comes_too_late_meets_a_calm_sentence(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    there.act(CancelTicket(ticket.id, "sold"))
    told = read(accept(there, web, page), 409)
    assert "That is no longer possible." in told
    assert "This job is no longer open." in told
    assert there.all(Visit) == []


def test_accepting_twice_makes_one_visit_and_the_second_tap_finds_it(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = there.offer(ticket)
    accept(there, web, page)
    again = accept(there, web, page)
    assert again.status_code == 409
    assert f'href="{there.visit(ticket)}"' in again.text
    assert len(there.all(Visit)) == 1


# the technician


def test_three_taps_and_each_is_past_afterwards(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    accept(there, web, there.offer(ticket))
    page = there.visit(ticket)
    assert web.post(page, data={"act": "depart", "minutes": "30"}).headers["location"] == page
    assert "Arrives about today 13:30" in read(web.get(page))
    assert web.post(page, data={"act": "arrive"}).status_code == 303
    assert web.post(page, data={"act": "finish", "note": "Pump replaced"}).status_code == 303
    assert "This visit is finished. Thank you." in read(web.get(page))
    assert there.again(ticket).resolution == "Pump replaced"
    who = {entry.who for entry in there.all(Entry, Entry.subject_id == ticket.id)}
    assert "technician Karin Kunz" in who


def test_fixed_without_a_note_is_asked_for_the_note(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    web.post(page, data={"act": "arrive"})
    told = read(web.post(page, data={"act": "finish", "note": "  "}), 422)
    assert "Please write in a few words what was done." in told
    assert there.again(ticket).state == "on_site"


def test_a_tap_that_is_no_longer_possible_keeps_what_was_typed(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    web.post(page, data={"act": "depart", "minutes": "20"})
    told = read(web.post(page, data={"act": "depart", "minutes": "45", "note": "a long story"}), 409)
    assert "That is no longer possible." in told
    assert "a long story" in told
    visit = there.one(Visit)
    assert visit.eta == there.now + 20 * MINUTE


def test_the_technician_sees_what_was_before(there: Street, web: httpx.Client) -> None:
    first = there.break_down()
    there.accept("Old Otto")
    visit = there.one(Visit)
    web.post(there.visit(first), data={"act": "arrive"})
    there.act(Finish(visit.id, "Fan was loose"))
    there.hear("devices/alice-pump/fault", {"code": "E7", "active": False})
    there.wait(minutes=20)
    there.now += 30 * 24 * HOUR
    second = there.break_down(code="E9")
    accept(there, web, there.offer(second))
    told = read(web.get(there.visit(second)))
    assert "23 Nov 2026 Old Otto: Fan was loose" in told
    assert "23 Nov 2026 Compressor fault" in told


def test_the_technicians_link_dies_with_the_visit(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    web.post(page, data={"act": "arrive"})
    web.post(page, data={"act": "finish", "note": "done"})
    assert web.get(page).status_code == 200
    there.now += 2 * HOUR
    read(web.get(page), 404)


# links that open nothing, and what holds for all pages


def test_every_link_that_opens_nothing_gets_the_same_kind_page(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    follow, offer = there.follow(ticket), there.offer(ticket)
    answers = [web.get(f"/f/{path}") for path in ("nonsense", "x" * 3000, offer.split("/")[2])]
    answers += [web.get("/o/" + follow.split("/")[2]), web.get("/v/" + follow.split("/")[2]),
                web.get(f"{follow[:-3]}AAA"), web.get(links.url("", there.secret, "follow", "L-NOWHERE1")),
                web.post("/v/nonsense", data={"act": "arrive"}), web.post("/o/nonsense", data={"act": "accept"}),
                web.get("/f/nonsense/live"), web.get("/f/%FF%00")]
    there.change(there.one(Link, Link.purpose == "offer"), revoked_at=there.now)
    there.change(there.one(Link, Link.purpose == "follow"), expires_at=there.now)
    answers += [web.get(offer), web.get(follow), accept(there, web, offer)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "This link does not open anything" in read(answers[0], 404)
    assert there.again(ticket).state == "offered"


def test_the_kind_page_speaks_the_browsers_language(web: httpx.Client) -> None:
    assert "Dieser Link führt zu nichts" in read(web.get("/f/x", headers={"Accept-Language": "de-CH,de;q=0.9"}), 404)


def test_looking_changes_nothing_however_often_a_mail_scanner_looks(there: Street, web: httpx.Client) -> None:
    ticket, callback = there.break_down(), there.call_for_help()
    there.accept()
    paths = [there.follow(ticket), there.follow(callback), there.visit(ticket),
             there.link("offer", there.one(Offer)), f"{there.follow(ticket)}/live"]

    def everything() -> list[object]:
        return [row.model_dump() for table in (Ticket, Callback, Offer, Visit, Link, Entry) for row in there.all(table)]

    before = everything()
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            assert web.request(method, path, params={"act": "accept", "minutes": "5"}).status_code < 500
    assert everything() == before


def test_every_answer_is_closed_to_other_sites_and_caches_and_sets_no_cookie(
        there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    for path in ("/", "/docs", "/f/nonsense", there.follow(ticket), there.offer(ticket), "/api/v1/tickets", "/nothing"):
        headers = web.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "set-cookie" not in headers


def test_a_page_is_small_and_comes_from_one_house(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.measure()
    offer, follow = there.offer(ticket), there.follow(ticket)
    offered = web.get(offer).text
    there.accept()
    for page in (offered, web.get(follow).text, web.get(there.visit(ticket)).text):
        assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", page)
        assert "style=" not in page  # the content security policy would not apply it
        assets = [web.get(unescape(path)) for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page)]
        assert len(assets) == 3
        assert all("immutable" in asset.headers["cache-control"] for asset in assets)
        assert len(page.encode()) + sum(len(asset.content) for asset in assets) < 30_000


def test_a_fault_of_ours_is_a_kind_page_that_tells_nothing(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    with there.gw.store.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE offer RENAME TO elsewhere")
    told = read(web.get(there.follow(ticket)), 500)
    assert "Something went wrong on our side" in told
    assert "offer" not in told


def test_no_token_is_written_to_the_log(
        there: Street, web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    ticket = there.break_down()
    page = there.follow(ticket)
    web.get(page)
    with there.gw.store.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE offer RENAME TO elsewhere")
    web.get(page)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert any("/f/{token}" in line for line in ours)
    assert not any(page.split("/")[2] in line for line in ours)


def test_a_customer_with_a_language_we_do_not_write_reads_english(there: Street, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.change(there.one(Customer, Customer.id == "alice"), locale="fr")
    assert "We are asking a local firm" in read(web.get(there.follow(ticket)))


# without a server


def test_every_language_has_every_sentence_with_the_same_places() -> None:
    def places(sentence: str) -> list[str]:
        return sorted(set(re.findall(r"{(\w+)}", sentence)))

    english = CATALOGUES["en"]
    for locale, words in CATALOGUES.items():
        assert words.keys() == english.keys()
        for key, sentence in words.items():
            assert sentence.strip()
            assert set(places(sentence)) <= set(places(english[key])), (locale, key)


@pytest.mark.parametrize(("now", "expected"), [
    ("2026-11-23T13:05:00+01:00", ["2026-11-23T13:30", "2026-11-24T08:00", "2026-11-24T12:00"]),
    ("2026-11-23T06:00:00+01:00", ["2026-11-23T06:00", "2026-11-23T10:00", "2026-11-23T14:00"]),
    ("2026-11-23T01:10:00+01:00", ["2026-11-23T01:30", "2026-11-23T08:00", "2026-11-23T12:00"]),
    ("2026-11-23T22:50:00+01:00", ["2026-11-23T23:00", "2026-11-24T08:00", "2026-11-24T12:00"]),
    ("2027-03-27T23:10:00+01:00", ["2027-03-27T23:30", "2027-03-28T08:00", "2027-03-28T12:00"]),  # clocks go forward
])
def test_the_windows_offered_are_soon_and_then_in_working_hours(now: str, expected: list[str]) -> None:
    choices = windows.choices(from_iso(now), "Europe/Zurich", 4)
    assert [start for start, _ in choices] == [windows.typed(text, "Europe/Zurich") for text in expected]
    assert all(end - start == 4 * HOUR for start, end in choices)


@pytest.mark.parametrize("hours", [1, 4, 12, 13, 48])
def test_windows_of_any_length_can_be_offered(hours: int) -> None:
    choices = windows.choices(from_iso("2026-11-23T13:05:00+01:00"), "Europe/Zurich", hours)
    assert len(set(choices)) == 3


def test_a_course_is_drawn_in_true_time_and_its_extremes_touch_the_margins() -> None:
    assert sparkline.points([(0, 1.0), (10, 3.0), (40, 2.0)]) == "0.0,22.0 24.0,2.0 96.0,12.0"
    assert sparkline.points([(0, 5.0), (10, 5.0)]) == "0.0,12.0 96.0,12.0"
    assert sparkline.points([]) == sparkline.points([(0, 1.0)]) == sparkline.points([(3, 1.0), (3, 2.0)]) == ""
