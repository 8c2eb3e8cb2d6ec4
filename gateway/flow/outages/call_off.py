"""call_off: a person says that there is no outage, and whoever was told of one is told so."""

from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Actor, Instant, Outage
from gateway.model.plan import Draft, NoSuch
from gateway.outages.homes.call_off import CALLED_OFF, plan_call_off
from gateway.store import apply
from gateway.store.contexts import outage_scan
from gateway.store.outages.called_off import called_off_context


def call_off(gw: Gateway, outage_id: str, who: Actor, now: Instant) -> None:
    """The same a second time changes nothing. Raises NoSuch, and Refused for one that is over, or that nobody was told
    of."""

    def once() -> None:
        with gw.store.write() as session:
            outage_scan.lock_watch(session)
            outage = session.get(Outage, outage_id)
            if outage is None:
                raise NoSuch(f"there is no outage {outage_id}")
            if outage.evidence.get(CALLED_OFF):
                return
            context = called_off_context(session, Draft(), outage, now)
            plan = plan_call_off(context.outages[outage_id], context, gw.policy, who, now)
            apply(session, plan)
            write_act(session, "call_off_outage", ("outage", outage_id), plan, who, now)

    retry_on_conflict(once)
    gw.outbox_filled.set()
