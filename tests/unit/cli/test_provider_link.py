"""`gateway provider link` and `end-link`: who may open a firm's own page."""

from pathlib import Path

from sqlmodel import col, select

from gateway.model import Audit, Link, LinkPurpose
from gateway.store import Store
from tests.drivers.command_line import gateway
from tests.fixtures.sample_fleet import save_sample_fleet


def test_a_link_is_printed_and_a_new_one_ends_it(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    save_sample_fleet(store)
    printed = [gateway(tmp_path, "provider", "link", "kunz", GATEWAY_DATABASE_URL=sqlite_url).output for _ in range(2)]
    assert all("can act for it" in one and "/p/L-" in one for one in printed)
    gateway(tmp_path, "provider", "end-link", "kunz", GATEWAY_DATABASE_URL=sqlite_url)
    with store.read() as session:
        links = session.exec(select(Link).where(Link.purpose == LinkPurpose.FIRM)).all()
        done = [one.action for one in session.exec(select(Audit).order_by(col(Audit.id)))]
    assert len(links) == 2
    assert all(link.revoked_at is not None for link in links)
    assert done == ["make_firm_link", "make_firm_link", "end_firm_link"]


def test_no_such_firm_is_said_so(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    for command in ("link", "end-link"):
        done = gateway(tmp_path, "provider", command, "sued", GATEWAY_DATABASE_URL=sqlite_url)
        assert done.exit_code == 1
        assert "there is no provider sued" in done.output
