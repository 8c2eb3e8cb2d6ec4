"""Users: added, given another role, reset, disabled, signed out; and never without somebody who gives rights."""

import re

import pytest

from gateway.access.sessions import STEP_UP
from gateway.model import Audit, User
from tests.drivers.web_driver import PASSWORD, Console, WebStory, hidden_fields, read

pytestmark = pytest.mark.slow


def boss(there: WebStory) -> Console:
    return there.console("operator", "Olga Brand")


def link_on(text: str) -> str:
    found = re.search(r'value="[^"]*(/welcome/[^"]+)"', text)
    assert found is not None
    return found[1]


def test_somebody_is_added_and_sets_their_password_by_a_link_that_is_shown_once(there: WebStory) -> None:
    olga = boss(there)
    added = olga.post("/console/users", name="Dana Meier", email="Dana@example.com", role="agent")
    assert "Give Dana Meier this link" in read(added)
    dana = there.one(User, User.name == "Dana Meier")
    assert "/welcome/" not in olga.get(f"/console/users/{dana.id}").text
    assert "Invited" in read(olga.get("/console/users"))
    browser = there.browser()
    entered = browser.follow(browser.web.post(link_on(added.text), data={"password": PASSWORD}))
    assert "Dana Meier" in read(entered)
    said = read(olga.get("/console/users"))
    assert "Dana Meier dana@example.com Agent Off Active 1 browser" in said
    assert [one.action for one in there.all(Audit, Audit.object_id == dana.id)] == [
        "add_user", "set_password", "sign_in"]


@pytest.mark.parametrize(("wrong", "said"), [
    ({"email": "nowhere"}, "expected an address like dana@example.com"),
    ({"email": "olga@example.com"}, "has an account already"), ({"name": " "}, "expected the name"),
    ({"role": "read"}, "expected one of agent"), ({"role": "provider"}, "expected the id of the provider")])
def test_what_cannot_be_added_is_said_and_nothing_typed_is_lost(there: WebStory, wrong: dict[str, str], said: str
                                                                 ) -> None:
    olga = boss(there)
    given = {"name": "Dana Meier", "email": "dana@example.com", "role": "agent"} | wrong
    answer = olga.post("/console/users", **given)
    assert said in read(answer, 422)
    assert f'value="{given["email"]}"' in answer.text
    assert len(there.all(User)) == 1


def test_another_role_ends_their_sessions_and_a_firms_people_name_their_firm(there: WebStory) -> None:
    olga, dana = boss(there), there.console("agent", "Dana Meier")
    row = there.one(User, User.name == "Dana Meier")
    olga.post(f"/console/users/{row.id}/role", role="provider", provider_id="kunz")
    assert (there.again(row).role, there.again(row).provider_id) == ("provider", "kunz")
    assert "Kunz Heating" in read(olga.get(f"/console/users/{row.id}"))
    assert dana.web.get("/console/account").status_code == 401


def test_who_is_disabled_is_out_at_once_and_comes_back_by_a_link(there: WebStory) -> None:
    olga, dana = boss(there), there.console("agent", "Dana Meier")
    row = there.one(User, User.name == "Dana Meier")
    olga.post(f"/console/users/{row.id}/disable")
    assert "This account is disabled" in read(dana.web.get("/console/account"), 401)
    assert "is not right" in read(dana.sign_in(row.email), 401)
    back = olga.post(f"/console/users/{row.id}/reset")
    dana.follow(dana.web.post(link_on(back.text), data={"password": PASSWORD}))
    assert dana.web.get("/console/account").status_code == 200


def test_one_session_of_somebody_is_ended_or_all_of_them(there: WebStory) -> None:
    olga, dana = boss(there), there.console("agent", "Dana Meier")
    other, there.now = there.browser(), there.now + 1000
    other.sign_in("dana@example.com")
    row = there.one(User, User.name == "Dana Meier")
    page = olga.get(f"/console/users/{row.id}")
    session_id = re.findall(r'name="session_id" value="([0-9a-f]+)"', page.text)[0]  # the newest
    olga.post(f"/console/users/{row.id}/end-session", session_id=session_id)
    assert [one.web.get("/console/account").status_code for one in (dana, other)] == [200, 401]
    assert olga.post(f"/console/users/{row.id}/end-session", session_id="another's").status_code == 404
    olga.post(f"/console/users/{row.id}/end-session")
    assert dana.web.get("/console/account").status_code == 401


def test_the_last_operator_stays_one(there: WebStory) -> None:
    olga = boss(there)
    row = there.one(User)
    assert "the last operator" in read(olga.post(f"/console/users/{row.id}/role", role="agent"), 422)
    assert "the last operator" in read(olga.post(f"/console/users/{row.id}/disable"), 409)
    assert there.one(User).role == "operator"
    there.user("operator", "Otto Weiss")
    olga.post(f"/console/users/{row.id}/role", role="agent")
    assert there.again(row).role == "agent"


def test_a_change_asks_who_they_are_and_goes_on_with_what_was_sent(there: WebStory) -> None:
    olga = boss(there)
    there.now += STEP_UP
    asked = olga.post("/console/users", name="Dana Meier", email="dana@example.com", role="agent")
    assert "Is it you, Olga Brand?" in read(asked, 401)
    assert len(there.all(User)) == 1
    fields = hidden_fields(asked)
    wrong = olga.web.post("/console/users", data=fields | {"proof": "not this one, surely"})
    assert "not your password, nor a code" in read(wrong, 401)
    done = olga.web.post("/console/users", data=hidden_fields(wrong) | {"proof": PASSWORD})
    assert "Give Dana Meier this link" in read(done)
    assert PASSWORD not in done.text


def test_guessing_at_the_proof_costs_ever_more_time(there: WebStory) -> None:
    olga = boss(there)
    there.now += STEP_UP
    said = [read(olga.post("/console/prove", proof="not this one, surely"), 401) for _ in range(5)]
    assert "Too many tries. Please wait a second" in said[-1]
    assert "Too many tries" in read(olga.post("/console/prove", proof=PASSWORD), 401)
    there.wait(seconds=2)
    assert olga.web.post("/console/prove", data={"csrf": olga.csrf, "proof": PASSWORD, "next": "//evil.example"}
                         ).headers["location"] == "/console"


def test_who_is_not_there_is_404(there: WebStory) -> None:
    olga = boss(there)
    assert olga.web.get("/console/users/U-00000000").status_code == 404
    for act in ("disable", "reset", "end-session", "role"):
        assert olga.post(f"/console/users/U-00000000/{act}", role="agent").status_code == 404
