"""The database itself keeps one open ticket for each device and for each outage."""

import pytest

from gateway.model import Severity, Ticket
from gateway.store import Conflict, Store
from tests.fixtures.hundred_sites import save_hundred_sites


@pytest.fixture
def homes(both_stores: Store) -> Store:
    save_hundred_sites(both_stores, 1)
    return both_stores


def add(store: Store, number: str, device: str | None, outage: str | None = None, closed_at: int | None = None) -> None:
    with store.write() as session:
        session.add(Ticket(id=number, site_id="home-0", customer_id="family-0", device_id=device, cause_key="leak",
                           cause="wet", skill="heating", severity=Severity.MAJOR, opened_at=20, outage_id=outage,
                           closed_at=closed_at))


@pytest.mark.parametrize(("device", "outage"), [("pump-0", None), (None, "X-1")])
def test_a_second_one_is_refused_while_the_first_is_open(homes: Store, device: str | None, outage: str | None) -> None:
    add(homes, "T-OLD", device, outage, closed_at=30)
    add(homes, "T-1", device, outage)
    with pytest.raises(Conflict):
        add(homes, "T-2", device, outage)


def test_an_outages_stands_beside_a_devices_and_those_of_neither_beside_both(homes: Store) -> None:
    add(homes, "T-1", "pump-0")
    add(homes, "T-2", None, "X-1")
    add(homes, "T-3", None, "X-2")
    add(homes, "T-4", None)
    add(homes, "T-5", None)
