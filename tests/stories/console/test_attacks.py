"""What people try who mean no good, or who mistype: each was possible once."""

import re

import pyotp

from gateway.model import MINUTE, SECOND, User
from tests.drivers.web_driver import Console, WebStory, read


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
