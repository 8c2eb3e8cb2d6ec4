"""Signing in: password, second factor, the first account, and what wrong ones cost."""

import re

import httpx
import pyotp
import pytest

from gateway.access.sessions import IDLE, LONGEST
from gateway.config.settings import Web
from gateway.flow.accounts import users
from gateway.model import MINUTE, SECOND, Actor, ActorKind, Audit, AuditOutcome, User, WebSession
from tests.drivers.web_driver import PASSWORD, Console, WebStory, hidden_fields, read
from tests.fixtures.web import serve


def set_up_second_factor(browser: Console, there: WebStory) -> tuple[str, list[str]]:
    """The app's secret, and the recovery codes."""
    page = browser.get("/console/account?setting_up=true").text
    secret = re.search(r'name="secret" value="([A-Z2-7]+)"', page)
    assert secret is not None
    code = pyotp.TOTP(secret[1]).at(there.now // SECOND)
    done = browser.post("/console/account/second-factor", secret=secret[1], code=code)
    return secret[1], re.findall(r"<code>(\w{5}-\w{5})</code>", done.text)


def test_who_comes_without_a_session_signs_in_and_goes_on_where_they_were(there: WebStory) -> None:
    browser = there.browser()
    there.user()
    asked = browser.web.get("/console?area=north")
    assert "Sign in" in read(asked, 401)
    assert 'name="next" value="/console?area=north"' in asked.text
    entered = browser.web.post("/console/sign-in", data={"email": "DANA@example.com ", "password": PASSWORD,
                                                         "next": "/console?area=north"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/console?area=north")
    assert "Dana Meier" in read(browser.get("/console"))


def test_nobody_is_sent_away_from_here_by_a_link_to_the_sign_in(there: WebStory) -> None:
    browser, _ = there.browser(), there.user()
    for elsewhere in ("https://evil.example/console", "//evil.example", "/console//evil.example", "/f/abc"):
        entered = browser.web.post("/console/sign-in", data={"email": "dana@example.com", "password": PASSWORD,
                                                             "next": elsewhere})
        assert entered.headers["location"] == "/console"


def test_a_wrong_password_and_an_unknown_name_read_alike_and_are_written_down(there: WebStory) -> None:
    browser, dana = there.browser(), there.user()
    wrong = browser.sign_in(dana.email, "not this one, surely")
    unknown = browser.sign_in("nobody@example.com", "not this one, surely")
    assert read(wrong, 401).replace("dana", "nobody") == read(unknown, 401)
    assert [(one.action, one.outcome, one.account) for one in there.all(Audit) if one.outcome == AuditOutcome.FAILED
            ] == [("sign_in", "failed", dana.id), ("sign_in", "failed", "")]


def test_ten_wrong_passwords_cost_ever_more_time_and_the_right_one_still_works_afterwards(there: WebStory) -> None:
    browser, dana = there.browser(), there.user()
    waits = []
    for _ in range(8):
        answer = browser.sign_in(dana.email, "not this one, surely")
        while answer.status_code == 429:
            found = re.search(r"wait (\d+|a) second", answer.text)
            assert found is not None
            waits.append(1 if found[1] == "a" else int(found[1]))
            assert "Too many tries" in read(browser.sign_in(dana.email), 429)  # not even with the right one
            there.wait(seconds=waits[-1])
            answer = browser.sign_in(dana.email, "not this one, surely")
        assert answer.status_code == 401
    assert waits == [1, 2, 4, 8]
    there.wait(seconds=16)
    assert "Dana Meier" in read(browser.sign_in(dana.email))
    assert there.one(User).wrong == 0


def test_the_second_factor_is_asked_for_works_once_and_gives_the_session_another_id(there: WebStory) -> None:
    browser = there.console()
    secret, codes = set_up_second_factor(browser, there)
    assert len(codes) == 10
    there.wait(minutes=1)
    other = there.browser()
    asked = other.sign_in("dana@example.com")
    assert "Your code" in read(asked)
    waiting = other.web.cookies["session"]
    assert other.web.get("/console").status_code == 401  # half signed in is not signed in
    code = pyotp.TOTP(secret).at(there.now // SECOND)
    other.follow(other.web.post("/console/code", data={"code": code}))
    assert "Dana Meier" in read(other.get("/console"))
    assert other.web.cookies["session"] != waiting
    third = there.browser()
    third.sign_in("dana@example.com")
    assert "This code is wrong" in read(third.web.post("/console/code", data={"code": code}), 401)
    assert third.follow(third.web.post("/console/code", data={"code": codes[0].upper()})).status_code == 200
    fourth = there.browser()
    fourth.sign_in("dana@example.com")
    assert fourth.web.post("/console/code", data={"code": codes[0]}).status_code == 401


def test_a_session_ends_when_it_is_idle_and_after_twelve_hours(there: WebStory) -> None:
    browser = there.console()
    there.now += IDLE - SECOND
    assert browser.web.get("/console").status_code == 200
    there.now += IDLE
    assert "You were away for a while" in read(browser.web.get("/console"), 401)
    browser.sign_in("dana@example.com")
    began = there.now
    while there.now < began + LONGEST - 20 * MINUTE:
        there.now += 20 * MINUTE
        assert browser.web.get("/console").status_code == 200
    there.now = began + LONGEST
    assert "You signed in long ago" in read(browser.web.get("/console"), 401)


@pytest.mark.parametrize("what", ["disabled", "role", "reset", "signed out"])
def test_a_session_ends_at_once_for_who_is(there: WebStory, what: str) -> None:
    browser, boss = there.console(), Actor(ActorKind.OPERATOR)
    dana = there.one(User)
    there.user("operator", "Olga Brand")
    if what == "signed out":
        browser.web.post("/console/sign-out")
    else:
        with there.gw.store.write() as session:
            if what == "disabled":
                users.disable_user(session, dana.id, boss, there.now)
            elif what == "reset":
                users.reset_user(session, dana.id, boss, there.now)
            else:
                users.change_role(session, dana.id, "auditor", None, boss, there.now)
    assert browser.web.get("/console").status_code == 401


def test_the_first_account_is_made_by_a_link_that_works_once(there: WebStory) -> None:
    with there.gw.store.write() as session:
        link = users.first_welcome(there.gw.settings, session, there.now)
    assert link is not None
    path = link[link.index("/welcome/"):]
    browser = there.browser()
    assert "The first account" in read(browser.get(path))
    short = browser.web.post(path, data={"name": "Olga Brand", "email": "olga@example.com", "password": "olga"})
    assert "expected at least 15" in read(short, 422)
    entered = browser.follow(browser.web.post(path, data={"name": "Olga Brand", "email": "Olga@example.com",
                                                          "password": PASSWORD}))
    assert "Olga Brand" in read(entered)
    assert (there.one(User).role, there.one(User).email) == ("operator", "olga@example.com")
    assert there.browser().get(path).status_code == 404
    with there.gw.store.write() as session:
        assert users.first_welcome(there.gw.settings, session, there.now) is None


def test_what_was_written_when_the_session_was_over_is_sent_after_signing_in(there: WebStory) -> None:
    browser = there.console()
    token = browser.csrf
    there.now += IDLE
    lost = browser.web.post("/console/account/end-session", data={"csrf": token, "session_id": "<b>&\"x"})
    assert "What you wrote is kept" in read(lost, 401)
    back = browser.web.post("/console/sign-in", data={"email": "dana@example.com", "password": PASSWORD,
                                                      **hidden_fields(lost)})
    assert "Nothing is lost" in read(back)
    again = hidden_fields(back)
    assert again["session_id"] == "<b>&\"x"
    assert browser.web.post("/console/account/end-session", data=again).status_code == 303


def test_a_form_of_another_site_or_session_does_nothing(there: WebStory) -> None:
    browser = there.console()
    before = len(there.all(WebSession, WebSession.revoked_at == None))  # noqa: E711
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
                    {"origin": "https://evil.example"}):
        answer = browser.web.post("/console/account/end-session", headers=headers, data={
            "csrf": browser.csrf, "session_id": there.one(WebSession).id})
        assert "did not come from this console" in read(answer, 403)
    stale = browser.web.post("/console/account/end-session", data={"csrf": "0" * 64, "session_id": "x"})
    assert "Nothing is lost" in read(stale, 403)
    assert len(there.all(WebSession, WebSession.revoked_at == None)) == before  # noqa: E711


def test_the_cookie_is_nobody_elses_business(there: WebStory) -> None:
    browser, _ = there.browser(), there.user()
    answer: httpx.Response = browser.web.post("/console/sign-in", data={"email": "dana@example.com",
                                                                        "password": PASSWORD})
    said = answer.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "samesite=lax" in said.lower()
    kept = there.one(WebSession)
    assert browser.web.cookies["session"] not in (kept.id, *map(str, vars(kept).values()))


def test_the_link_of_a_demonstration_asks_and_then_signs_in_and_ends_with_the_next_one(there: WebStory) -> None:
    dana = there.user()
    with there.gw.store.write() as session:
        earlier, link = (users.sign_in_link(there.gw.settings, session, dana.id, there.now) for _ in range(2))
    browser, path = there.browser(), link[link.index("/e/"):]
    assert browser.get(earlier[earlier.index("/e/"):]).status_code == 404
    assert "You will be signed in as Dana Meier" in read(browser.get(path))
    assert browser.web.get("/console").status_code == 401
    assert "Dana Meier" in read(browser.follow(browser.web.post(path)))


def test_behind_a_prefix_the_browser_is_sent_on_under_it(there: WebStory) -> None:
    """A proxy takes the prefix off before a request comes here."""
    there.user()
    there.gw.settings = there.gw.settings.model_copy(update={"web": Web(public_url=f"{there.base}/desk")})
    there.base = serve(there.gw, there.clock, lambda: there.health)
    entered = there.browser().web.post("/console/sign-in", data={
        "email": "dana@example.com", "password": PASSWORD, "next": "/console/tickets"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/desk/console/tickets")
