"""A profile lost a rule, or a device its profile: what that rule raised is withdrawn, and nobody is told "fixed"."""

from collections.abc import Set
from typing import Any

from gateway.detection.state import MANY, SILENT, STALE
from gateway.model import Alarm, EntryKind, Instant, TicketState
from gateway.planning import remote
from gateway.planning.acts import CancelTicket
from gateway.planning.alarms import wake_children
from gateway.planning.explaining import no_longer_explains
from gateway.planning.rows import entry
from gateway.planning.situation import Rules, Situation
from gateway.planning.tickets import plan_cancel
from gateway.profiles import Profile
from gateway.tickets.lifecycle import end_alarm

WHY = "its rule was removed"


def watches(profile: Profile, rule: str) -> bool:
    """Whether an alarm of that rule can still end by what the device says. Any device may name a fault of its own."""
    if rule in (SILENT, STALE):
        silence = profile.silence
        return (silence.link_ms, silence.lost_ms, silence.data_ms) != (None, None, None)
    return rule.startswith("fault:") or rule == MANY or any(one.name == rule for one in profile.rules)


def plan_withdrawn(alarm: Alarm, facts: Situation, told: Set[str], rules: Rules, now: Instant) -> None:
    """`told`: ids of tickets that somebody has been told of. One that nobody knows of is cancelled with its alarm; any
    other stays with a note, for only a person can say whether the fault is over."""
    del facts.alarms[alarm.rule]
    which: dict[str, Any] = {"profile": facts.device.profile, "rule": alarm.rule}
    facts.draft.add(entry(alarm, now, EntryKind.RULE_REMOVED, **which))
    remote.call_off(alarm, facts, WHY)
    end_alarm(alarm, now)
    alarm.why = alarm.why | {"closed": WHY}
    no_longer_explains(alarm.rule, facts, now)
    if alarm.rule == SILENT:
        wake_children(facts, rules, now)
    ticket = facts.tickets.get(alarm.rule)
    if ticket is None or alarm.monitor:
        return
    if ticket.state is TicketState.NEW and ticket.id not in told and not facts.offers.get(ticket.id):
        plan_cancel(CancelTicket(ticket.id, WHY), ticket, facts, rules, "gateway", now)
    elif ticket.state is TicketState.RESOLVED:
        facts.draft.add(entry(ticket, now, EntryKind.RULE_REMOVED, **which))
    else:
        facts.draft.add(entry(ticket, now, EntryKind.RULE_REMOVED_NOBODY_WATCHES, **which))
