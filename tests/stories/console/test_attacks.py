"""What people try who mean no good, or who mistype: each was possible once."""

import re
from contextlib import ExitStack
from functools import partial

import httpx
import pyotp
import pytest
from sqlmodel import col

from gateway.access.sessions import IDLE
from gateway.flow.accounts import users
from gateway.model import MINUTE, SECOND, Role, User, WebSession
from gateway.web.console.live import MOST_OF_A_USER
from tests.drivers.at_once import at_once
from tests.drivers.web_driver import PASSWORD, Console, WebStory, hashed_once, hidden_fields, read
from tests.fixtures.servers import wait_until

pytestmark = pytest.mark.slow


def test_who_finds_a_browser_left_open_cannot_make_a_code_of_their_own_to_prove_with(there: WebStory) -> None:
    browser, omar = there.console("operator"), there.user("agent", "Omar Weber")
    secret = _offered_secret(browser)
    there.now += 15 * MINUTE
    assert "Is it you" in read(browser.web.get("/console/account?setting_up=true"), 401)
    code = pyotp.TOTP(secret).at(there.now // SECOND)
    refused = browser.post("/console/account/second-factor", secret=secret, code=code)
    assert "Is it you" in read(refused, 401)
    assert there.one(User, User.name == "Dana Meier").code_secret is None
    there.now += MINUTE
    browser.post(f"/console/users/{omar.id}/disable", proof=pyotp.TOTP(secret).at(there.now // SECOND))
    assert there.again(omar).disabled_at is None


def _offered_secret(browser: Console) -> str:
    found = re.search(r'name="secret" value="([A-Z2-7]+)"', browser.get("/console/account?setting_up=true").text)
    assert found is not None
    return found[1]


def test_two_who_follow_the_first_link_at_once_are_not_both_operators(there: WebStory) -> None:
    with there.gw.store.write() as session:
        link = users.first_welcome(there.gw.settings, session, there.now)
    assert link is not None
    path = link[link.index("/welcome/"):]
    browsers = [there.browser() for _ in range(4)]
    answers = at_once(*(partial(_welcomed, browser, path, name) for browser, name in zip(
        browsers, ("Olga", "Otto", "Omid", "Olaf"), strict=True)))
    assert sorted(answers, key=str) == [303, 404, 404, 404]
    assert len(there.all(User)) == 1


def _welcomed(browser: Console, path: str, name: str) -> int:
    return browser.web.post(path, data={"name": f"{name} Brand", "email": f"{name}@example.com", "password": PASSWORD}
                            ).status_code


def test_two_operators_who_take_the_role_from_each_other_at_once_are_not_both_left_without(there: WebStory) -> None:
    olga, otto = there.console("operator", "Olga Brand"), there.console("operator", "Otto Brand")
    ids = {one.name: one.id for one in there.all(User)}
    acts = [(olga, ids["Otto Brand"], olga.csrf), (otto, ids["Olga Brand"], otto.csrf)]
    at_once(*(partial(browser.web.post, f"/console/users/{other}/role", data={"csrf": csrf, "role": "agent"})
              for browser, other, csrf in acts))
    assert [one.role for one in there.all(User)].count(Role.OPERATOR) >= 1


def test_where_somebody_goes_on_is_an_address_whatever_stands_in_it(there: WebStory) -> None:
    browser = there.console()
    split = browser.web.get("/console/sign-in", params={"next": "/console\r\nSet-Cookie: session=evil"})
    assert (split.headers["location"], split.headers.get("set-cookie")) == ("/console", None)
    for path in ("/console/devices/%C5%BD%20b%3Fc", "/console/customers?text=%C5%BDi%C5%BEkov"):
        other = there.browser()
        asked = other.web.get(path)
        entered = other.web.post("/console/sign-in", data=hidden_fields(asked) | {
            "email": "dana@example.com", "password": PASSWORD})
        assert (entered.status_code, entered.headers["location"]) == (303, path)
    assert browser.web.get("/console/sign-in", params={"next": "/console/devices/Ž"}).headers["location"] == (
        "/console/devices/%C5%BD")


@pytest.mark.parametrize("origin", ["http://[", "null", "", "https://evil.example"])
def test_a_form_from_somewhere_that_is_no_address_is_refused(there: WebStory, origin: str) -> None:
    there.user()
    refused = there.browser().web.post("/console/sign-in", data={"email": "dana@example.com", "password": PASSWORD},
                                       headers={"origin": origin})
    assert "did not come from this console" in read(refused, 403)


def test_a_text_that_no_database_can_hold_is_refused_in_words(there: WebStory) -> None:
    browser = there.console()
    for path in ("/console/drafts?key=%00", "/console/tickets/%00", "/console/customers?text=a%00",
                 "/console/call?q=%00", "/console/users/%00", "/console/search?q=%00"):
        assert browser.web.get(path).status_code == 422, path
    for path, field in (("/console/presence", "subject"), ("/console/drafts", "key"),
                        ("/console/tickets/views", "name")):
        assert browser.post(path, **{field: "a\0b"}).status_code == 422, path
    assert there.browser().sign_in("dana\0@example.com").status_code == 401
    for fields in ('{"note": "\\ud800"}', '{"note": "\\u0000"}', "[" * 9000, "[1]", '"x"'):
        assert browser.post("/console/drafts", key="k", fields=fields).status_code == 422, fields[:20]
    assert browser.web.get("/console/drafts?key=k").json() is None
    nonsense = browser.post("/console/account/second-factor", secret="!!!", code="123456")
    assert "does not fit" in read(nonsense, 422)


@pytest.mark.parametrize("kept", [
    "[" * 9000, '{"to": "/console", "fields": [["a", "\\ud800"]]}', "[]", "1", '{"to": 1}',
    '{"to": "//evil", "fields": []}', '{"to": "/console\\n", "fields": []}'])
def test_what_is_said_to_be_kept_and_is_not_ours_is_forgotten(there: WebStory, kept: str) -> None:
    there.user()
    entered = there.browser().web.post("/console/sign-in", data={"email": "dana@example.com", "password": PASSWORD,
                                                                 "kept": kept})
    assert (entered.status_code, entered.headers["location"]) == (303, "/console")


def test_passwords_are_not_kept_when_the_session_is_over(there: WebStory) -> None:
    browser = there.console()
    there.now += IDLE
    asked = browser.web.post("/console/account/password", data={
        "csrf": "x", "old": PASSWORD, "new": "another long one"})
    assert "You were away for a while" in read(asked, 401)
    assert PASSWORD not in asked.text
    assert "another long one" not in asked.text
    entered = browser.web.post("/console/sign-in", data=hidden_fields(asked) | {
        "email": "dana@example.com", "password": PASSWORD})
    assert entered.headers["location"] == "/console"


def test_what_was_kept_is_shown_to_nobody_else_who_signs_in_at_the_same_desk(there: WebStory) -> None:
    browser, omar = there.console(), there.user("agent", "Omar Weber")
    ticket = there.break_down()
    token = browser.csrf
    there.now += IDLE
    note = {"csrf": token, "act": "add_note", "target": ticket.id, "note": "she cannot hear the bell"}
    asked = browser.web.post(f"/console/tickets/{ticket.id}", data=note)
    assert "What you wrote is kept" in read(asked, 401)
    kept = hidden_fields(asked)
    other = browser.web.post("/console/sign-in", data=kept | {"email": omar.email, "password": PASSWORD})
    assert (other.status_code, "bell" in other.text) == (303, False)
    browser.web.cookies.clear()
    own = browser.web.post("/console/sign-in", data=kept | {"email": "dana@example.com", "password": PASSWORD})
    assert "she cannot hear the bell" in read(own)


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "Olga\0Brand"])
def test_a_name_that_no_page_can_show_is_refused_at_the_welcome(there: WebStory, name: str) -> None:
    with there.gw.store.write() as session:
        link = users.first_welcome(there.gw.settings, session, there.now)
    assert link is not None
    answer = there.browser().web.post(link[link.index("/welcome/"):], data={
        "name": name, "email": "olga@example.com", "password": PASSWORD})
    assert "expected the name that timelines show" in read(answer, 422)


def test_whether_there_is_a_name_shows_neither_at_the_first_nor_at_the_tenth_wrong_password(there: WebStory) -> None:
    there.user()
    told = {email: [read_any(there.browser().sign_in(email, "not this one, surely")) for _ in range(10)]
            for email in ("dana@example.com", "nobody@example.com")}
    assert told["dana@example.com"] == [(status, words.replace("nobody", "dana"))
                                        for status, words in told["nobody@example.com"]]
    assert [status for status, _ in told["dana@example.com"]] == [401] * 4 + [429] * 6


def test_strangers_who_guess_at_a_name_do_not_keep_out_who_has_signed_in_there_before(there: WebStory) -> None:
    browser, stranger = there.console("operator"), there.browser()
    omar = there.user("agent", "Omar Weber")
    browser.web.post("/console/sign-out")
    for _ in range(3):
        while stranger.sign_in("dana@example.com", "not this one, surely").status_code == 401:
            pass
        there.wait(minutes=20)
    while stranger.sign_in("dana@example.com", "not this one, surely").status_code == 401:
        pass
    assert there.browser().sign_in("dana@example.com").status_code == 429  # from a browser that nobody knows
    assert browser.sign_in("omar@example.com", "not this one, surely").status_code == 401  # it is Dana's, not Omar's
    assert "Dana Meier" in read(browser.sign_in("dana@example.com"))
    while stranger.sign_in("dana@example.com", "not this one, surely").status_code == 401:
        pass
    there.now += 15 * MINUTE
    stranger.sign_in("dana@example.com", "not this one, surely")
    browser.post(f"/console/users/{omar.id}/disable", proof=PASSWORD)
    assert there.again(omar).disabled_at is not None  # nor do they hinder who is signed in


def test_a_browser_that_is_known_is_no_place_to_guess_either(there: WebStory) -> None:
    browser = there.console()
    browser.web.post("/console/sign-out")
    answers = [browser.sign_in("dana@example.com", "not this one, surely").status_code for _ in range(6)]
    assert answers == [401] * 4 + [429] * 2
    browser.web.cookies.set("browser", "made.up")
    assert browser.sign_in("dana@example.com", "not this one, surely").status_code == 401  # as any stranger's


def test_who_is_signed_in_has_to_wait_after_wrong_proofs_and_the_right_one_works_afterwards(there: WebStory) -> None:
    browser = there.console("operator")
    there.now += 15 * MINUTE
    said = [read(browser.post("/console/prove", proof="not this one, surely"), 401) for _ in range(5)]
    assert ["Too many tries" in one for one in said] == [False] * 4 + [True]
    wrong = [browser.post("/console/account/password", old="no", new="another long one").status_code for _ in range(2)]
    assert wrong == [429, 429]
    there.wait(seconds=2)
    assert browser.post("/console/prove", proof=PASSWORD).status_code == 200


def read_any(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, read(answer, answer.status_code)


def test_who_opens_page_after_page_takes_nobody_elses_room(there: WebStory) -> None:
    browser, omar = there.console(), there.console("agent", "Omar Weber")
    with ExitStack() as tabs:
        for number in range(MOST_OF_A_USER):
            path = "/console/tickets/stream" if number % 2 else "/console/now/stream"
            assert tabs.enter_context(browser.web.stream("GET", path)).status_code == 200
        for path in ("/console/tickets/stream", "/console/now/stream", "/console/callbacks/stream"):
            assert "event: later" in browser.web.get(path).text, path
            with omar.web.stream("GET", path) as tab:
                assert b": here" in next(tab.iter_raw())
    wait_until(lambda: _first_word(browser, "/console/tickets/stream") == b": here\n\n")


def _first_word(browser: Console, path: str) -> bytes:
    with browser.web.stream("GET", path) as tab:
        return next(tab.iter_raw())  # which hangs up


def test_who_signs_in_while_their_account_is_reset_is_not_in_afterwards(there: WebStory) -> None:
    boss, dana = there.console("operator", "Olga Brand"), there.user()
    token = boss.csrf
    for _ in range(4):
        there.change(dana, password=hashed_once())
        at_once(partial(there.browser().sign_in, dana.email),
                partial(boss.web.post, f"/console/users/{dana.id}/reset", data={"csrf": token}))
        assert there.again(dana).password is None
        assert there.all(WebSession, WebSession.user_id == dana.id, col(WebSession.revoked_at).is_(None)) == []
