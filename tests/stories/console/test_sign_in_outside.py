"""Signing in through an identity provider: a real one, which the tests start."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from gateway.access.sessions import STEP_UP
from gateway.config.settings import Oidc, SignIn, Web
from gateway.flow.housekeeping import forget
from gateway.model import DAY, MINUTE, Audit, AuditOutcome, Role, SignInFlow, User
from gateway.web.console.identity_provider import redirect_uri
from tests.drivers.browser import browser
from tests.drivers.web_driver import Console, WebStory, hidden_fields, read
from tests.fixtures.openid_provider import CLIENT, SECRET, OpenIdProvider, openid_provider

pytestmark = pytest.mark.slow
ROLES = {"leads": Role.OPERATOR, "dispatch": Role.DISPATCHER, "desk": Role.AGENT}
DANA = {"email": "dana@example.com", "email_verified": True, "name": "Dana Meier", "groups": ["staff", "desk"]}


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdProvider]:
    with openid_provider(redirect_uri("http://127.0.0.1:8080")) as provider:
        yield provider


@pytest.fixture
def provider(running: OpenIdProvider, there: WebStory) -> OpenIdProvider:
    configure(there, issuer=running.issuer)
    running.knows(dana=DANA)
    return running


def configure(there: WebStory, **oidc: Any) -> None:
    given = Oidc(**{"client_id": CLIENT, "client_secret": SecretStr(SECRET), "name": "Example Login", "roles": ROLES,
                    "scopes": ("openid", "email", "profile", "groups"), **oidc})
    there.gw.settings = there.gw.settings.model_copy(update={"sign_in": SignIn(oidc=given)})


def leave(browser: Console, **form: str) -> str:
    """Clicks the button; the provider's address to which the page leads on."""
    page = browser.web.post("/console/sign-in/oidc", data=form)
    assert "You continue at Example Login" in read(page)
    found = re.search(r'content="0;url=([^"]+)"', page.text)
    assert found is not None
    return unescape(found[1])


def at_provider(address: str, login: str = "dana") -> str:
    """Signs in there and agrees; the path, with its query, to which the provider sends the browser back."""
    with httpx.Client() as web:
        answer = web.get(address)
        for _ in range(20):
            if answer.is_redirect:
                to = urljoin(str(answer.url), answer.headers["location"])
                if "/console/" in to:
                    return f"{urlsplit(to).path}?{urlsplit(to).query}"
                answer = web.get(to)
                continue
            form = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
            assert form is not None, answer.text
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            fields = {"prompt": prompt[1] if prompt else "", "login": login, "password": "any"}
            answer = web.post(urljoin(str(answer.url), form[1]), data=fields)
    raise AssertionError(answer.text)


def sign_in(there: WebStory, login: str = "dana", **form: str) -> tuple[Console, httpx.Response]:
    browser = there.browser()
    return browser, browser.follow(browser.web.get(at_provider(leave(browser, **form), login)))


def test_somebody_new_comes_in_with_the_role_of_their_group(there: WebStory, provider: OpenIdProvider) -> None:
    browser, page = sign_in(there)
    assert "Dana Meier" in read(page)
    dana = there.one(User)
    assert (dana.email, dana.role, dana.issuer, dana.outside_id, dana.password) == (
        "dana@example.com", "agent", provider.issuer, "dana", None)
    assert [line.action for line in there.all(Audit)] == ["add_user", "sign_in"]
    assert there.all(SignInFlow) == []
    assert browser.web.cookies.get("oidc") is None
    assert sign_in(there)[1].status_code == 200
    assert len(there.all(User)) == 1


def test_the_page_offers_it_only_where_it_is_configured(there: WebStory, provider: OpenIdProvider) -> None:
    assert "Sign in with Example Login" in read(there.browser().get("/console/sign-in"))
    there.gw.settings = there.gw.settings.model_copy(update={"sign_in": SignIn()})
    assert "Sign in with" not in read(there.browser().get("/console/sign-in"))
    assert there.browser().web.post("/console/sign-in/oidc").status_code == 404


def test_an_account_is_found_once_by_its_verified_address(there: WebStory, provider: OpenIdProvider) -> None:
    before = there.user("dispatcher", "Dana Meier")
    provider.knows(dana={**DANA, "email": "DANA@example.com", "groups": ["dispatch"]})
    assert sign_in(there)[1].status_code == 200
    assert there.one(User).id == before.id
    provider.knows(dana={**DANA, "email": "dana.meier@example.com", "groups": ["dispatch"]})  # she has married
    assert sign_in(there)[1].status_code == 200
    provider.knows(eve={**DANA, "groups": ["leads"]})  # somebody else has Dana's old address there now
    assert "belongs to somebody else at Example Login" in read(sign_in(there, "eve")[1], 403)
    assert there.one(User).role == Role.DISPATCHER


@pytest.mark.parametrize(("claims", "words"), [
    ({"email_verified": False}, "does not vouch for an email address"),
    ({"email": ""}, "does not vouch for an email address"),
    ({"email": "dana at example"}, "does not vouch for an email address"),
    ({"groups": ["staff"]}, "none of your groups"), ({"groups": []}, "none of your groups"),
    ({"groups": None}, "none of your groups"),
])
def test_who_has_no_account_and_no_role_is_refused_in_plain_words(there: WebStory, provider: OpenIdProvider,
                                                                   claims: dict[str, Any], words: str) -> None:
    provider.knows(dana={name: value for name, value in (DANA | claims).items() if value is not None})
    assert words in read(sign_in(there)[1], 403)
    assert there.all(User) == []
    assert [line.outcome for line in there.all(Audit)] == [AuditOutcome.FAILED]


def test_the_role_follows_the_groups_at_each_sign_in_if_they_are_sent(there: WebStory, provider: OpenIdProvider
                                                                      ) -> None:
    there.user("operator", "Olga Boss")
    sign_in(there)
    first, _ = sign_in(there)

    def role(**claims: Any) -> Role:
        provider.knows(dana={name: value for name, value in (DANA | claims).items() if value is not None})
        sign_in(there)
        return there.one(User, User.outside_id == "dana").role

    assert role(groups=["desk", "leads"]) == Role.OPERATOR  # the first line of the settings that fits
    assert first.web.get("/console").status_code == 401  # with another role they sign in anew
    assert role(groups=None) == Role.OPERATOR
    assert role(groups=["dispatch"]) == Role.DISPATCHER
    provider.knows(dana={**DANA, "groups": ["gone"]})
    assert "none of your groups" in read(sign_in(there)[1], 403)


def test_the_last_operator_stays_one(there: WebStory, provider: OpenIdProvider) -> None:
    there.user("operator", "Dana Meier")
    assert sign_in(there)[1].status_code == 200
    assert there.one(User).role == Role.OPERATOR


def test_a_disabled_account_stays_out(there: WebStory, provider: OpenIdProvider) -> None:
    sign_in(there)
    there.change(there.one(User), disabled_at=there.now)
    assert "disabled" in read(sign_in(there)[1], 403)
    assert there.all(Audit)[-1].account == there.one(User).id


def test_a_password_opens_no_account_of_the_providers_but_an_operators(there: WebStory, provider: OpenIdProvider
                                                                        ) -> None:
    there.user("agent", "Dana Meier")
    there.user("operator", "Olga Boss")
    provider.knows(dana=DANA, olga={**DANA, "email": "olga@example.com", "groups": ["leads"]})
    sign_in(there)
    sign_in(there, "olga")
    assert there.browser().sign_in("dana@example.com").status_code == 401
    assert there.browser().sign_in("olga@example.com").status_code == 200


def test_what_was_written_before_is_there_afterwards_and_so_is_the_way(there: WebStory, provider: OpenIdProvider
                                                                       ) -> None:
    kept = '{"to": "/console/tickets/T-1/note", "fields": [["note", "The key is next door"]]}'
    page = sign_in(there, next="/console/account", kept=kept)[1]
    assert "The key is next door" in read(page)
    assert sign_in(there, next="/console/account")[1].url.path == "/console/account"
    assert sign_in(there, next="https://elsewhere.example/")[1].url.path == "/console"


def test_back_comes_only_who_left_once_in_time_and_in_the_same_browser(there: WebStory, provider: OpenIdProvider
                                                                       ) -> None:
    late = "Please start again"
    browser = there.browser()
    back = at_provider(leave(browser))
    assert late in read(there.browser().web.get(back), 400)  # the link was stolen
    assert late in read(browser.web.get(back), 400)  # and is used
    back = at_provider(leave(browser))
    there.now += 10 * MINUTE
    assert late in read(browser.web.get(back), 400)
    assert late in read(browser.web.get("/console/sign-in/oidc/back"), 400)
    assert there.all(User) == []
    query = parse_qs(urlsplit(leave(browser)).query)
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["nonce"][0]) >= 32


@pytest.mark.parametrize(("error", "words"), [
    ("access_denied", "Example Login did not let you in"), ("temporarily_unavailable", "has no time just now"),
    ("something_new", "does not answer as it should"), ("", "does not answer as it should")])
def test_what_the_provider_says_instead_is_said_in_plain_words(there: WebStory, provider: OpenIdProvider, error: str,
                                                               words: str) -> None:
    browser = there.browser()
    state = parse_qs(urlsplit(leave(browser)).query)["state"][0]
    answer = browser.web.get("/console/sign-in/oidc/back", params={"state": state, "error": error})
    assert words in read(answer, 403)


def test_a_wrong_secret_a_wrong_code_and_a_provider_that_is_away(there: WebStory, provider: OpenIdProvider) -> None:
    browser = there.browser()
    state = parse_qs(urlsplit(leave(browser)).query)["state"][0]
    answer = browser.web.get("/console/sign-in/oidc/back", params={"state": state, "code": "made-up"})
    assert "used or too old" in read(answer, 403)
    configure(there, issuer=provider.issuer, client_secret=SecretStr("another"))
    assert "client_secret is wrong" in read(sign_in(there)[1], 403)
    configure(there, issuer="http://127.0.0.1:9")
    page = there.browser().web.post("/console/sign-in/oidc")
    assert "sign in with your password" in read(page, 503)
    assert there.all(User) == []


def test_a_token_for_another_request_is_not_taken(there: WebStory, provider: OpenIdProvider) -> None:
    browser = there.browser()
    back = at_provider(leave(browser))
    flow = there.one(SignInFlow)
    there.change(flow, nonce="another")
    assert "does not answer as it should" in read(browser.web.get(back), 503)


def asked_to_prove(there: WebStory) -> tuple[Console, dict[str, str]]:
    """Olga, who has no password here, adds somebody long after she signed in; the form that leads her on."""
    olga, _ = sign_in(there, "olga")
    there.now += STEP_UP
    asked = olga.post("/console/users", name="Erik Vogt", email="erik@example.com", role="agent")
    said = read(asked, 401)
    assert "Is it you, Olga Boss?" in said
    assert "Sign in again at Example Login" in said
    assert "Password" not in said.partition("Is it you")[2]
    return olga, hidden_fields(asked)


def go_there_again(browser: Console, fields: dict[str, str]) -> str:
    """The provider's address to which the page leads on."""
    page = browser.web.post("/console/prove/oidc", data=fields)
    found = re.search(r'content="0;url=([^"]+)"', page.text)
    assert found is not None, page.text
    return unescape(found[1])


@pytest.fixture
def olgas(provider: OpenIdProvider) -> OpenIdProvider:
    provider.knows(olga={**DANA, "email": "olga@example.com", "name": "Olga Boss", "groups": ["leads"]},
                   eve={**DANA, "email": "eve@example.com", "name": "Eve", "groups": ["leads"]})
    return provider


def test_who_has_no_password_here_proves_who_they_are_by_signing_in_there_again(there: WebStory,
                                                                                 olgas: OpenIdProvider) -> None:
    olga, fields = asked_to_prove(there)
    session = olga.web.cookies["session"]
    address = go_there_again(olga, fields)
    query = parse_qs(urlsplit(address).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["0"])
    assert len(there.all(User)) == 1, "nothing is done before they are back"
    back = olga.web.get(at_provider(address, "olga"))
    assert "Nothing is lost" in read(back)
    assert "Erik Vogt" in read(back)
    assert olga.web.cookies["session"] == session
    done = olga.follow(olga.web.post("/console/users", data=hidden_fields(back)))
    assert "Give Erik Vogt this link" in read(done)
    proved = there.one(Audit, Audit.action == "prove")
    assert (proved.outcome, proved.account) == (AuditOutcome.DONE, there.one(User, User.name == "Olga Boss").id)
    assert olga.post(f"/console/users/{there.one(User, User.name == 'Erik Vogt').id}/disable").status_code == 200


def test_a_page_that_asks_who_they_are_is_there_when_they_are_back(there: WebStory, olgas: OpenIdProvider) -> None:
    olgas.knows(olga={**DANA, "email": "olga@example.com", "name": "Olga Boss", "groups": ["audit"]})
    configure(there, issuer=olgas.issuer, roles={"audit": Role.AUDITOR})
    olga, _ = sign_in(there, "olga")
    there.now += STEP_UP
    fields = hidden_fields(olga.web.get("/console/audit/export?format=csv"))
    back = olga.follow(olga.web.get(at_provider(go_there_again(olga, fields), "olga")))
    assert back.headers["content-type"].startswith("text/csv")


def test_it_proves_nothing_that_somebody_else_signs_in_or_that_nobody_was_asked(there: WebStory,
                                                                                olgas: OpenIdProvider) -> None:
    olga, fields = asked_to_prove(there)
    wrong = olga.web.get(at_provider(go_there_again(olga, fields), "eve"))
    assert "somebody else at Example Login" in read(wrong, 403)
    assert "Is it you, Olga Boss?" in read(wrong, 403)
    assert there.one(Audit, Audit.action == "prove").outcome is AuditOutcome.FAILED
    address = go_there_again(olga, hidden_fields(wrong))
    let_through = address.replace("prompt=login", "prompt=consent").replace("&max_age=0", "")
    passed = olga.web.get(at_provider(let_through, "olga"))
    assert "did not ask you again who you are" in read(passed, 403)
    stolen = at_provider(go_there_again(olga, hidden_fields(passed)), "olga")
    assert "Please start again" in read(there.browser().web.get(stolen), 400)
    late = at_provider(go_there_again(olga, hidden_fields(passed)), "olga")
    olga.post("/console/sign-out")
    assert "Please start again" in read(olga.web.get(late), 400)
    assert len(there.all(User)) == 1
    assert [one.outcome for one in there.all(Audit, Audit.action == "prove")] == [AuditOutcome.FAILED]


def test_who_leaves_and_never_comes_back_is_forgotten(there: WebStory, provider: OpenIdProvider) -> None:
    leave(there.browser())
    forget(there.gw, there.now + DAY)
    assert there.all(SignInFlow) == []


@pytest.mark.slow
def test_in_a_real_browser_one_click_leads_there_and_back(there: WebStory, chromium: str, tmp_path: Path) -> None:
    """With our own rules for scripts, forms and frames in force."""
    there.gw.settings = there.gw.settings.model_copy(update={"web": Web(public_url=there.base)})
    with openid_provider(redirect_uri(there.base)) as provider, browser(chromium, tmp_path) as window:
        configure(there, issuer=provider.issuer)
        provider.knows(dana=DANA)
        tab = window.tab()
        tab.open(f"{there.base}/console/sign-in?next=/console/account")
        tab.run("document.querySelector('form[action$=oidc] button').click()")
        tab.wait("document.querySelector('input[name=login]') !== null")
        tab.run("document.querySelector('input[name=login]').value = 'dana';"
                "document.querySelector('input[name=password]').value = 'any';"
                "document.querySelector('form').submit()")
        tab.wait("document.querySelector('input[name=prompt][value=consent]') !== null")
        tab.run("document.querySelector('form').submit()")
        tab.wait("location.pathname === '/console/account' && document.readyState === 'complete'")
        assert "Dana Meier" in tab.text()
