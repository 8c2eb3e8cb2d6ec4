"""all is well: once a year, for whoever asked for it, when it is true."""

from gateway.flow.gateway import Gateway
from gateway.model import DAY, Customer, Instant, Recipient, new_id
from gateway.model.plan import Draft
from gateway.notifications.preferences.all_is_well import HomeNow, plan_all_is_well
from gateway.store import apply
from gateway.store.customers import all_is_well as store
from gateway.tickets.sla.follow import complete

AT_ONCE = 50  # in one transaction
YEAR = 365 * DAY


def tell_all_is_well(gw: Gateway, now: Instant) -> int:
    """How many are looked at. While something is open, or a device does not speak, it is moved on by a week."""
    with gw.store.write() as session:
        draft, rows = Draft(), store.due(session, now, AT_ONCE)
        for row in rows:
            choice, owner = draft.copy(row), Recipient(row.owner_kind, row.owner_id)
            household_id = store.household_of(session, owner) or ""
            household = session.get(Customer, household_id)
            home = store.home_now(session, household_id, owner, now - YEAR) if household else HomeNow()
            told = plan_all_is_well(choice, household_id, household.timezone if household else "UTC", home,
                                    store.newest_message(session, household_id, owner), new_id("N"), now)
            draft.add(*([told] if told is not None else []))
        apply(session, complete(draft, gw.policy, now))
        return len(rows)
