"""The link to the page of an area outage: who may open it, how long, and where it leads when the outage changes."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import DAY, MINUTE, Link, LinkPurpose, Outage, OutageMember, SubjectKind
from gateway.notifications import signed_links
from gateway.store import Store
from tests.drivers.outage_web import OutageWeb, outage_web
from tests.drivers.web_driver import read
from tests.fixtures.outage_fleet import EVERYBODY, LEFT, RIGHT

pytestmark = pytest.mark.slow


@pytest.fixture
def there(both_stores: Store) -> OutageWeb:
    return outage_web(both_stores)


@pytest.fixture
def web(there: OutageWeb) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def test_while_it_is_only_suspected_there_is_no_page(there: OutageWeb, web: httpx.Client) -> None:
    there.lose(*LEFT, seconds=0)
    there.wait(seconds=1)
    assert there.latest.state == "suspected"
    assert there.all(Link) == []
    there.add(Link(id="L-TOOSOON0", purpose=LinkPurpose.FOLLOW, subject_kind=SubjectKind.OUTAGE,
                   subject_id=there.latest.id, site_id="a0", created_at=there.now, expires_at=there.now + DAY))
    assert "This link does not open anything" in read(web.get(there.page("a0")), 404)


def test_an_outage_that_becomes_part_of_a_larger_one_keeps_its_pages(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    before = {home: there.page(home) for home in LEFT}
    there.lose(*RIGHT, seconds=1)
    there.live(minutes=2)
    assert there.outage.name == "Feeder 9"
    for home in ("a0", "a2", "a3", "a4"):
        page = read(web.get(before[home]))
        assert "Probably a power cut in Feeder 9" in page
        assert "Affected About 10 homes" in page
    assert "Vermutlich Stromausfall in Feeder 9" in read(web.get(before["a1"]))


def test_two_outages_that_turn_out_to_be_one_show_one(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    pages = {home: there.page(home) for home in LEFT}
    first = there.latest
    other = Outage(**first.model_dump() | {"id": "X-LARGER00", "key": "feeder-9", "name": "Feeder 9", "evidence": {}})
    rows = [OutageMember(**row.model_dump() | {"id": f"{other.id}/{row.site_id}", "outage_id": other.id})
            for row in there.all(OutageMember) if row.site_id != "a0"]
    there.add(other, *rows)
    for row in rows:
        there.change(OutageMember, f"{first.id}/{row.site_id}", state="left", back_at=there.now)
    there.change(OutageMember, f"{first.id}/a0", state="restored", back_at=there.now)  # it was back before
    there.change(Outage, first.id, state="dismissed", closed_at=there.now, evidence={"absorbed_by": other.id})
    dark, back = read(web.get(pages["a2"])), read(web.get(pages["a0"]))
    assert "Probably a power cut in Feeder 9" in dark
    assert f"Your number {other.id}" in dark
    assert "Dark since 12:00 today" in dark
    assert "We hear your home again" in back


def test_what_turns_out_to_be_a_carriers_fault_is_no_longer_called_a_power_cut(
        there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.change(Outage, there.latest.id, kind="network", name="Funknetz")
    page = read(web.get(there.page("a0")))
    assert "It no longer looks like a power cut" in page
    assert "Funknetz" not in page


def test_a_link_opens_one_home_in_one_outage_and_nothing_when_a_letter_is_wrong(
        there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    mine, other = there.page("a0"), there.page("a2")
    read(web.get(mine))
    token, theirs = mine.rsplit("/", 1)[1], other.rsplit("/", 1)[1]
    another = token[:-3] + ("abc" if token[-3] == "x" else "xyz")
    wrong = [another, f"{theirs.split('.')[0]}.{token.split('.')[1]}", token.split(".")[0],
             f"{there.latest.id}/a0", 
             signed_links.sign("another secret of thirty-two characters", LinkPurpose.FOLLOW, token[:10]),
             signed_links.sign(there.gw.settings.secret.get_secret_value(), LinkPurpose.VISIT, token.split(".")[0])]
    for bad in wrong:
        assert "House a" not in read(web.get(f"/f/{bad}"), 404)
        assert web.get(f"/f/{bad}/stream").status_code == 404
    for path in ("o", "v"):
        assert web.get(f"/{path}/{token}").status_code == 404


def test_a_revoked_link_opens_nothing_and_the_others_go_on(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    mine = there.page("a0")
    link = there.one(Link, Link.subject_id == there.latest.id, Link.site_id == "a0")
    there.change(Link, link.id, revoked_at=there.now)
    read(web.get(mine), 404)
    read(web.get(there.page("a2")))


def test_the_links_die_a_day_after_the_outage_is_closed(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    pages = [there.page(home) for home in LEFT]
    there.back(*LEFT)
    there.live(minutes=20, step=2)
    closed = there.latest.closed_at
    assert closed is not None
    for page in pages:
        there.now = closed + DAY - MINUTE
        assert "The power cut in Lateral 9a is over" in read(web.get(page)) or "vorbei" in read(web.get(page))
        there.now = closed + DAY
        read(web.get(page), 404)
        assert web.get(f"{page}/stream").status_code == 404


def test_power_that_fails_again_is_told_with_the_same_page(there: OutageWeb, web: httpx.Client) -> None:
    there.cut()
    there.live(minutes=3)
    there.back(*LEFT)
    there.live(minutes=3)
    there.cut()
    there.wait(seconds=5)
    assert there.latest.round == 2
    assert len(there.texts("a0")) == 3
    assert all(there.page("a0") in text for text in there.texts("a0"))
    assert "Probably a power cut" in read(web.get(there.page("a0")))
    assert len(there.all(Link, Link.purpose == "follow")) == 5


def test_everybody_else_is_told_nothing_and_has_no_link(there: OutageWeb) -> None:
    there.cut()
    assert sorted((link.subject_id, link.site_id) for link in there.all(Link, Link.purpose == "follow")) == [
        (there.latest.id, home) for home in LEFT]
    assert set(there.customers_told()) == set(LEFT) < set(EVERYBODY)
