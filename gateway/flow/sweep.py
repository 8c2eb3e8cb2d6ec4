"""sweep: processes rows whose deadline is past: silent devices, offers, tickets, callbacks, pages of people on
call, what customers have done on their pages, what nobody has opened, and who hears once a year that all is well."""

from gateway.detection import ClockTick, advance
from gateway.detection.batch import Finding
from gateway.flow.customers.all_is_well import tell_all_is_well
from gateway.flow.customers.pending_acts import do_due
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.flow.messages.unopened import fall_over
from gateway.flow.receive import apply_findings
from gateway.model import Instant
from gateway.model.plan import Draft
from gateway.store import apply, due_work, listeners
from gateway.store.after.surveys import note_surveys
from gateway.store.contexts import on_call, planning
from gateway.store.contexts.visits import sites_after
from gateway.store.devices import connection_losses, device_states
from gateway.store.devices.button_tests import note_reach
from gateway.tickets.context import SiteWork
from gateway.tickets.on_call.pages import plan_page_due
from gateway.tickets.plan_due import plan_deadlines
from gateway.tickets.sla.follow import complete

SWEEP = 200  # devices a sweep looks at in one transaction: a press waits for one


def sweep(gw: Gateway, now: Instant) -> int:
    """Processes due devices, offers, tickets, callbacks and alarms. Returns how many rows it processed."""
    with gw.store.read() as session:
        due = due_work.what_is_due(session, now)
    looked = (retry_on_conflict(lambda: _sweep_devices(gw, now)) if due.devices else 0)
    looked += (retry_on_conflict(lambda: _sweep_work(gw, now)) if due.work else 0)
    looked += (retry_on_conflict(lambda: _sweep_pages(gw, now)) if due.pages else 0)
    looked += do_due(gw, now) if due.customers else 0
    looked += (retry_on_conflict(lambda: fall_over(gw, now)) if due.unopened else 0)
    looked += (retry_on_conflict(lambda: tell_all_is_well(gw, now)) if due.well else 0)
    if looked:
        gw.outbox_filled.set()
        gw.commands_filled.set()
    return looked


def _sweep_devices(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        known = device_states.due(session, now, SWEEP, gw.scheduled)
        if known:
            status = listeners.listening_status(session, now)
            findings = []
            for device in known:
                if (profile := gw.profiles.get(device.profile)) is None:
                    device.due_at = None  # app/main.py says so at start; its next message counts as dropped
                else:
                    since = status.since_of(device.key)
                    tick = ClockTick(None if since is None else max(since, gw.clock_jumped_at))
                    findings += [Finding(device, verdict) for verdict in advance(profile, device, tick, now)]
            device_states.save(session, known)
            connection_losses.record_losses(session, known, gw.profiles, now)
            apply_findings(gw, session, findings, now)
    gw.states.forget(device.key for device in known)  # they would be found to be out of date, at their next message
    return len(known)


def _sweep_work(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        draft = Draft()
        work = due_work.work(session, draft, now)
        if work:
            sites: dict[str, SiteWork] = {}
            site_ids = work.site_ids | sites_after(session, work.overrun_visits)
            contexts = planning.planning_contexts(session, draft, work.device_ids, sites=sites, site_ids=site_ids,
                                                  visit_ids=work.visit_ids, now=now)
            note_reach(session, [sites[contexts[one].site.id] for one in work.tested_devices])
            note_surveys(session, [sites[one] for one in work.proofs])
            apply(session, plan_deadlines(work, contexts, sites, draft, gw.policy, now))
        return len(work)


def _sweep_pages(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        draft = Draft()
        pages = on_call.due_pages(session, draft, now)
        for page, subject in pages:
            plan_page_due(page, subject, draft, gw.policy, now)
        apply(session, complete(draft, gw.policy, now))
        return len(pages)
