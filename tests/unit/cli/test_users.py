"""`gateway user`: who may sign in, and the links by which they set their password."""

from pathlib import Path

import pytest
from sqlmodel import select

from gateway.flow.accounts.users import welcome
from gateway.model import Audit, User
from gateway.store import Store
from tests.drivers.command_line import gateway
from tests.drivers.web_driver import PASSWORD, WebStory, console_story, read
from tests.fixtures.sample_fleet import save_sample_fleet

SECRET = "a secret of the village, long enough for a test"


def run(folder: Path, url: str, *words: str) -> str:
    done = gateway(folder, "user", *words, GATEWAY_DATABASE_URL=url, GATEWAY_SECRET=SECRET)
    return f"{done.exit_code} {done.output}"


def users(store: Store) -> dict[str, User]:
    with store.read() as session:
        return {user.email: user for user in session.exec(select(User))}


def test_a_user_is_added_listed_reset_and_disabled(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    assert "http://127.0.0.1:8080/welcome/L-" in run(tmp_path, sqlite_url, "add", "Olga@example.com", "Olga Brand",
                                                     "--role", "operator")
    run(tmp_path, sqlite_url, "add", "dana@example.com", "Dana Meier")
    assert {email: user.role for email, user in users(store).items()} == {
        "olga@example.com": "operator", "dana@example.com": "agent"}
    listed = run(tmp_path, sqlite_url, "list")
    assert "dana@example.com" in listed
    assert "Dana Meier" in listed
    assert "/welcome/L-" in run(tmp_path, sqlite_url, "reset", "dana@example.com")
    run(tmp_path, sqlite_url, "disable", "dana@example.com")
    assert users(store)["dana@example.com"].disabled_at is not None
    with store.read() as session:
        assert [line.action for line in session.exec(select(Audit))] == [
            "add_user", "add_user", "reset_user", "disable_user"]


@pytest.mark.parametrize(("words", "said"), [
    (("add", "dana", "Dana"), "email: 'dana' — expected an address like dana@example.com"),
    (("add", "d@example.com", "Dana", "--role", "boss"), "role: 'boss' — expected one of agent, dispatcher"),
    (("add", "d@example.com", "Dana", "--role", "provider"), "provider: None — expected the id of the provider"),
    (("add", "d@example.com", "Dana", "--provider", "kunz"), "provider: only for the role provider"),
    (("add", "olga@example.com", "Olga"), "email: 'olga@example.com' has an account already"),
    (("reset", "nobody@example.com"), "email: 'nobody@example.com' has no account"),
    (("disable", "olga@example.com"), "role: they are the last operator"),
])
def test_what_cannot_be_says_what_to_write(tmp_path: Path, sqlite_url: str, store: Store, words: tuple[str, ...],
                                           said: str) -> None:
    save_sample_fleet(store)
    run(tmp_path, sqlite_url, "add", "olga@example.com", "Olga Brand", "--role", "operator")
    answer = run(tmp_path, sqlite_url, *words)
    assert answer.startswith("1 ")
    assert said in " ".join(answer.split())


def test_the_link_of_the_command_line_opens_the_console(store: Store) -> None:
    there: WebStory
    with console_story(store) as there:
        there.user()
        with store.write() as session:
            earlier, link = (welcome(there.gw.settings, session, there.one(User).id, there.now) for _ in range(2))
        browser = there.browser()
        assert browser.get(earlier[earlier.index("/welcome/"):]).status_code == 404
        path = link[link.index("/welcome/"):]
        assert "Welcome, Dana Meier" in read(browser.get(path))
        assert "Dana Meier" in read(browser.follow(browser.web.post(path, data={"password": f"{PASSWORD} new"})))
        assert browser.get(path).status_code == 404
