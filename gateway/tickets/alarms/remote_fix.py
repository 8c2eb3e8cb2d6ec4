"""Plans a remote fix: sends a safe command before any technician, and records its outcome."""

from typing import Any

from gateway.detection.device_state import Cleared
from gateway.devices.dialects import command, confirms
from gateway.devices.profiles import Profile, RemoteFixSpec
from gateway.model import (
    Alarm,
    Command,
    CommandState,
    Entry,
    EntryKind,
    Instant,
    ReasonKind,
    RemoteFixOutcome,
    Ticket,
)
from gateway.model.lifecycle import CommandAction, move_command
from gateway.model.states import NOT_TRIED, FixedBy
from gateway.notifications.shadow import is_live
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.lifecycle import end_alarm
from gateway.tickets.new_rows import entry


def remote_fix_of(profile: Profile | None, rule: str) -> RemoteFixSpec | None:
    """What the profile says today is tried first against an alarm of that rule."""
    if profile is None:
        return None
    if rule.startswith("fault:"):
        fault = profile.faults.get(rule.removeprefix("fault:")) or profile.faults.get("*")
        return None if fault is None else fault.remote_fix
    return next((one.remote_fix for one in profile.rules if one.name == rule), None)


def begin(alarm: Alarm, first: RemoteFixSpec, context: PlanningContext, online: bool, policy: Policy,
          now: Instant) -> None:
    """Queues the command and sets `alarm.try_until`; where it cannot be tried, `alarm.evidence` says why."""
    wanted = first.command
    tried: dict[str, Any] = {"command": wanted.name, "words": dict(wanted.words), "at": now}
    alarm.evidence = alarm.evidence | {"first_try": tried}
    key, until, command_id = context.device.key, now + first.wait_ms, policy.new_id("M")
    message = command(key, wanted.type, wanted.params, command_id, until)
    before = _sent_before(alarm.rule, context)
    if before is not None and now - before < first.again_after_ms:
        tried |= {"outcome": RemoteFixOutcome.AGAIN, "at": before}
    elif not is_live(context.work.area_ids, policy.service):  # nobody has pressed anything
        tried["outcome"] = RemoteFixOutcome.SHADOW
    elif message is None or not online:
        tried["outcome"] = RemoteFixOutcome.NO_COMMANDS if message is None else RemoteFixOutcome.UNREACHABLE
    if message is None or "outcome" in tried:
        return
    row = Command(id=command_id, device_id=context.device.id, topic=message[0], payload=message[1], created_at=now,
                  expires_at=until, reason=None if confirms(key) else ReasonKind.CONFIRMS_NOTHING)
    alarm.command_id, alarm.try_until = command_id, until
    context.commands[command_id], context.last_remote_fixes[alarm.rule] = row, alarm
    context.draft.add(row, entry(alarm, now, EntryKind.REMOTE_FIX_BEGUN, fix=dict(wanted.words),
                                 evidence={"command_id": command_id, "try_until": until}))


def over(alarm: Alarm, cleared: Cleared, context: PlanningContext, now: Instant) -> None:
    """The fault is over while the try lasts: the alarm is closed, there never was a ticket, and nobody is told."""
    row = context.commands[alarm.command_id or ""]
    taken = row.state == CommandState.ACKNOWLEDGED or (
        row.state == CommandState.SENT and not confirms(context.device.key))
    fixed = taken and cleared.at <= (alarm.try_until or 0)
    kind = EntryKind.REMOTE_FIX_WORKED if fixed else EntryKind.REMOTE_FIX_NOT_CONFIRMED
    end_alarm(alarm, now)
    alarm.fixed_by = FixedBy.COMMAND if fixed else None
    context.draft.add(entry(alarm, now, kind, who=context.by_device, evidence=cleared.why))
    _withdraw(row, ReasonKind.NOT_NEEDED)


def close_failed(alarm: Alarm, context: PlanningContext, online: bool) -> None:
    """The try is over and the fault is not; `alarm.evidence` says what came of it."""
    row = context.commands[alarm.command_id or ""]
    alarm.try_until = None
    tried = alarm.evidence["first_try"] | {"outcome": _outcome(row, context, online)}
    alarm.evidence = alarm.evidence | {"first_try": tried}
    _withdraw(row, ReasonKind.TIME_OVER)


def call_off(alarm: Alarm, context: PlanningContext, reason: ReasonKind) -> None:
    """Nobody waits for the try any more: what has not left yet stays here."""
    row = context.commands.get(alarm.command_id or "") if alarm.try_until is not None else None
    if row is not None:
        _withdraw(row, reason)


def evidence(ticket: Ticket, alarm: Alarm, context: PlanningContext, now: Instant) -> list[Entry]:
    """What whoever takes the ticket must know of the try; nothing when the profile asks for none."""
    tried = alarm.evidence.get("first_try")
    if tried is None:
        return []
    kind = EntryKind.REMOTE_FIX_NOT_TRIED if tried["outcome"] in NOT_TRIED else EntryKind.REMOTE_FIX_TRIED
    return [entry(ticket, now, kind, evidence=tried, fix=tried["words"], tried_at=tried["at"],
                  outcome=tried["outcome"])]


def _sent_before(rule: str, context: PlanningContext) -> Instant | None:
    """When this fault was last tried from afar. A command that never left does not count."""
    last = context.last_remote_fixes.get(rule)
    row = context.commands.get(last.command_id or "") if last is not None else None
    return row.sent_at if row is not None else None


def _outcome(row: Command, context: PlanningContext, online: bool) -> RemoteFixOutcome:
    if row.state == CommandState.FAILED:
        return RemoteFixOutcome.FAILED
    if row.sent_at is None:
        return RemoteFixOutcome.UNSENT
    if not online:
        return RemoteFixOutcome.VANISHED
    if row.state == CommandState.ACKNOWLEDGED:
        return RemoteFixOutcome.CONFIRMED
    return RemoteFixOutcome.SILENT if confirms(context.device.key) else RemoteFixOutcome.SENT


def _withdraw(row: Command, reason: ReasonKind) -> None:
    """A command that has not left yet must not leave any more."""
    if row.state == CommandState.QUEUED:
        move_command(row, CommandAction.EXPIRE)
        row.reason = reason
