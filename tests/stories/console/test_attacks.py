"""What people try who mean no good, or who mistype: each was possible once."""

import re
from functools import partial

import pyotp

from gateway.flow.accounts import users
from gateway.model import MINUTE, SECOND, Role, User
from tests.drivers.at_once import at_once
from tests.drivers.web_driver import PASSWORD, Console, WebStory, read


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
