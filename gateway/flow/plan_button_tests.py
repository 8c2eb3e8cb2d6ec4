"""Sees to it that each emergency button has exactly one open test, whenever and however it came into the fleet."""

from gateway.callbacks.presses.button_tests import end_test, plan_first_test
from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.model.plan import Draft
from gateway.store import Conflict, apply
from gateway.store.contexts import planning
from gateway.store.devices.button_tests import tested_in_vain, without_test
from gateway.tickets.sla.follow import complete

MOST = 500  # buttons in one transaction


def plan_button_tests(gw: Gateway, now: Instant) -> int:
    """Plans a test for up to MOST buttons that have none, and ends those of buttons that are no longer tested. Returns
    for how many."""
    specs = {name: profile.test for name, profile in gw.profiles.items() if profile.test is not None}
    with gw.store.read() as session:
        new, old = without_test(session, specs, MOST), tested_in_vain(session, specs, MOST)
    if not new and not old:
        return 0
    try:
        with gw.store.write() as session:
            draft = Draft()
            contexts = planning.planning_contexts(session, draft, {*new, *old})
            for device_id, context in contexts.items():
                spec = specs.get(context.device.profile)
                if spec is None:
                    end_test(context.device, context.work, now)
                elif device_id not in context.work.button_tests and context.device.retired_at is None:
                    plan_first_test(context.device, spec, context.work, gw.policy, now)
            apply(session, complete(draft, gw.policy, now))
    except Conflict:  # somebody else was first
        return 1
    return len(contexts)
