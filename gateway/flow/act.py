"""act: applies what a person does, by page, API or console, and adds planned maintenance."""

from typing import NamedTuple

from gateway.access.audit import action_name, target_of
from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Actor, Instant, MaintenanceWindow
from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.outages.maintenance import plan_maintenance
from gateway.store import apply
from gateway.store.accounts import open_pages
from gateway.store.contexts import action, maintenance
from gateway.tickets.actions import Act
from gateway.tickets.context import ActionContext
from gateway.tickets.desk.ticket_version import check_version, version_of
from gateway.tickets.plan_action import plan_person_action


def add_maintenance(gw: Gateway, window: MaintenanceWindow, who: Actor, now: Instant) -> None:
    """Adds planned work in one area. Raises Refused when it ends before it begins or in the past, NoSuch for an unknown
    area."""
    if window.until_at <= max(window.from_at, now):
        raise Refused(RefusedReason.BAD_MAINTENANCE_WINDOW)
    with gw.store.write() as session:
        if not maintenance.area_exists(session, window.area_id):
            raise NoSuch(f"there is no area {window.area_id}")
        plan = plan_maintenance(window, who, now)
        apply(session, plan)
        write_act(session, "plan_maintenance", ("maintenance", window.id), plan, who, now)


class FilledForm(NamedTuple):
    """The form that an action came by."""

    key: str  # one that was sent before does nothing more
    ticket_id: str = ""
    version: str = ""  # of that ticket, as it was when the form was made; "": the action does not depend on it


def act(gw: Gateway, given: Act, who: Actor, now: Instant, form: FilledForm | None = None) -> None:
    """Applies a person's action; `who` is written in the timeline. Raises Refused, NoSuch, and Stale when the form's
    ticket is no longer as it was."""

    def once() -> None:
        with gw.store.write() as session:
            if form is not None and form.key and not open_pages.is_first(session, form.key, who.account, now):
                return
            context = action.action_context(session, given, who, now)
            if form is not None and form.version:
                _check(form, context)
            plan = plan_person_action(given, context, gw.policy, who, now)
            apply(session, plan)
            write_act(session, action_name(given), target_of(given), plan, who, now)

    retry_on_conflict(once)
    gw.outbox_filled.set()


def _check(form: FilledForm, context: ActionContext) -> None:
    ticket = context.work.tickets.get(form.ticket_id)
    if ticket is None and context.ticket is not None and context.ticket.id == form.ticket_id:
        ticket = context.ticket
    if ticket is not None:
        visit = context.work.visits.get(ticket.visit_id or "")
        check_version(form.version, version_of(ticket, context.work.jobs_of(ticket), visit))
