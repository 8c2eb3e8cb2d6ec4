"""administer: claims a device, gives it a login and retires it, each in the caller's transaction."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlmodel import Session

from gateway.calendars.desk_hours import NO_DESK_HOURS
from gateway.callbacks.numbers.emergency_numbers import emergency_button_errors
from gateway.config.fleet_file import BadFleet, Fleet
from gateway.devices.registration import (
    BadDevice,
    DeviceChecks,
    DeviceCover,
    DeviceRequest,
    login_errors,
    request_errors,
)
from gateway.model import Actor, Instant, Provider
from gateway.model.plan import Draft
from gateway.store import apply
from gateway.store.contexts import planning
from gateway.store.contexts.action import action_context
from gateway.store.contexts.providers import sites_of_provider
from gateway.store.devices import device_registry, device_states
from gateway.store.fleet import Count, Progress, save_fleet
from gateway.tickets.actions import MoveIn
from gateway.tickets.alarms.withdrawal import plan_retired, retirement_errors, unfinished_tickets
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.dispatch.cover import cover_errors
from gateway.tickets.dispatch.removal import plan_removal, removal_errors
from gateway.tickets.plan_action import plan_person_action
from gateway.tickets.sla.follow import complete


class RetiredDevice(NamedTuple):
    """What ended with a retired device."""

    key: str
    alarms: int
    tickets: list[str]  # ids
    children: list[str]  # ids of the devices that speak through it


class RemovedProvider(NamedTuple):
    """What ended with a provider that is asked no longer."""

    name: str
    offers: int  # taken back
    visits: int  # given to others


def remove_provider(session: Session, provider_id: str, policy: Policy, hand_over: bool, who: Actor, now: Instant
                    ) -> RemovedProvider:
    """The provider is asked no longer; its history stays. Raises BadFleet when there is none, and with the list when it
    has visits open and `hand_over` is false, or somebody of it is at work."""
    provider = session.get(Provider, provider_id)
    if provider is None:
        raise BadFleet([f"{provider_id!r} — no such provider"])
    name = provider.name
    provider.removed_at = now
    session.add(provider)
    session.flush()
    draft, sites = Draft(), dict[str, SiteWork]()
    planning.planning_contexts(session, draft, (), now=now, sites=sites,
                               site_ids=sites_of_provider(session, provider_id))
    errors = removal_errors(provider_id, sites.values(), hand_over)
    if errors:
        raise BadFleet(errors)
    offers, visits = plan_removal(provider_id, sites.values(), policy, who, now)
    apply(session, complete(draft, policy, now))
    return RemovedProvider(name, offers, visits)


def import_fleet(session: Session, fleet: Fleet, policy: Policy, who: Actor, now: Instant,
                 progress: Progress = lambda _rows: None) -> dict[str, Count]:
    """Writes the fleet into the open transaction; where a site has another customer than until now, the household moves
    out and the other one in, as by hand. Raises BadFleet."""

    def move_in(session: Session, moving: Mapping[str, str]) -> None:
        for site_id, customer_id in moving.items():
            given = MoveIn(site_id, customer_id)
            context = action_context(session, given, who, now)
            apply(session, plan_person_action(given, context, policy, who, now))

    return save_fleet(session, fleet, now, progress, move_in)


def claim(session: Session, request: DeviceRequest, checks: DeviceChecks) -> None:
    """Adds the device, or brings it back from retirement. Raises BadDevice with every reason why not."""
    stored = device_registry.stored_facts(session, request)
    errors = [*request_errors(request, checks, stored), *_cover_errors(request.cover)]
    if request.profile in checks.emergency:
        country = None if stored.site is None else stored.site.country or checks.country
        errors += emergency_button_errors(request.id, request.profile, request.site, country, on_call=checks.on_call)
    if request.profile in checks.buttons and not checks.desk_hours:
        errors.append(f"profile: {request.profile!r} {NO_DESK_HOURS}")
    if errors:
        raise BadDevice(errors)
    device_registry.add(session, request)


def set_cover(session: Session, device_id: str, cover: DeviceCover) -> None:
    """Who pays from now on when somebody comes for the device. Raises BadDevice."""
    device = device_registry.active(session, device_id)
    errors = _cover_errors(cover)
    if errors:
        raise BadDevice(errors)
    device_registry.set_cover(session, device, cover)


def _cover_errors(cover: DeviceCover) -> list[str]:
    return [f"{field}: {words}" for field, words in cover_errors(*cover)]


def give_login(session: Session, device_id: str, hashed: str, checks: DeviceChecks, now: Instant) -> None:
    """Sets the device's password hash, in place of any earlier. Raises BadDevice."""
    device = device_registry.active(session, device_id)
    others = [one for one in device_registry.devices_in_use(session) if one.id != device_id]
    errors = list(login_errors(device, checks.reserved, others))
    if errors:
        raise BadDevice(errors)
    device_registry.set_login(session, device_id, hashed, now)


def retire(session: Session, device_id: str, policy: Policy, cancel: bool, who: Actor, now: Instant) -> RetiredDevice:
    """Ends the device, its login, its alarms, its waiting commands, and with `cancel` its unfinished tickets.

    Raises BadDevice when there are such tickets and `cancel` is false.
    """
    key = device_registry.active(session, device_id).key
    device_states.outdate(session, [device_id])  # an alarm that its last message raises must be seen here
    draft = Draft()
    context = planning.planning_contexts(session, draft, [device_id], now=now)[device_id]
    errors = [] if cancel else retirement_errors(context)
    if errors:
        raise BadDevice(errors)
    tickets, alarms = [ticket.id for ticket in unfinished_tickets(context)], len(context.alarms)
    plan_retired(context, policy, who, now)
    apply(session, complete(draft, policy, now))
    device_registry.end_login_and_commands(session, device_id)
    return RetiredDevice(key, alarms, tickets, device_registry.children(session, device_id))
