"""`gateway household`: who may see all that is open at a home; the link goes to the household, and no
command prints it."""

from pathlib import Path

from sqlmodel import col, select
from typer.testing import Result

from gateway.model import Audit, Link, LinkPurpose, Notification, Site
from gateway.notifications.topics import TopicName
from gateway.store import Store
from tests.drivers.command_line import gateway
from tests.fixtures.sample_fleet import save_sample_fleet

MAIL = {"GATEWAY_CHANNELS__EMAIL__HOST": "127.0.0.1", "GATEWAY_CHANNELS__EMAIL__SENDER": "desk@example.com"}


def household(folder: Path, url: str, command: str, site: str = "alice-home", **more: str) -> Result:
    return gateway(folder, "household", command, site, GATEWAY_DATABASE_URL=url, **more)


def links(store: Store) -> list[bool]:
    """Whether each still works, the first first."""
    with store.read() as session:
        rows = session.exec(select(Link).where(Link.purpose == LinkPurpose.HOUSEHOLD).order_by(col(Link.created_at)))
        return [row.revoked_at is None for row in rows]


def test_it_is_sent_renewed_and_ended_and_the_audit_log_says_so(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    save_sample_fleet(store)
    sent = household(tmp_path, sqlite_url, "link", **MAIL)
    assert sent.exit_code == 0, sent.output
    assert "/h/" not in sent.output
    assert links(store) == [True]
    assert household(tmp_path, sqlite_url, "renew-link", **MAIL).exit_code == 0
    assert sorted(links(store)) == [False, True]
    assert household(tmp_path, sqlite_url, "end-link", **MAIL).exit_code == 0
    assert links(store) == [False, False]
    with store.read() as session:
        told = session.exec(select(Notification).where(Notification.topic == TopicName.HOUSEHOLD_LINK)).all()
        done = session.exec(select(Audit).order_by(col(Audit.id))).all()
    assert {(one.recipient_id, one.link_id is not None) for one in told} == {("alice", True)}
    assert [one.action for one in done] == ["send_household_link", "renew_household_link", "end_household_link"]
    assert {(one.object_id, one.outcome) for one in done} == {("alice", "done")}


def test_sent_twice_in_a_minute_is_sent_once_and_says_why(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    save_sample_fleet(store)
    household(tmp_path, sqlite_url, "link", **MAIL)
    again = household(tmp_path, sqlite_url, "link", **MAIL)
    assert again.exit_code == 1
    assert "{" not in again.output
    assert links(store) == [True]


def test_where_nothing_can_be_sent_the_link_can_still_be_ended(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    save_sample_fleet(store)
    household(tmp_path, sqlite_url, "link", **MAIL)
    assert household(tmp_path, sqlite_url, "link").exit_code == 1
    assert household(tmp_path, sqlite_url, "renew-link").exit_code == 0
    assert links(store) == [False]


def test_no_such_home_is_said_so(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    save_sample_fleet(store)
    with store.write() as session:
        session.get_one(Site, "bob-home").household_left_at = 1
    for site in ("nowhere", "bob-home"):
        for command in ("link", "renew-link", "end-link"):
            done = household(tmp_path, sqlite_url, command, site)
            assert done.exit_code == 1
            assert f"there is no site {site} where anybody lives" in done.output
