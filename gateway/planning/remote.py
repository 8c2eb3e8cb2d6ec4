"""Remote fix first: a safe command is tried before anybody is sent, and what came of it is kept as evidence."""

from typing import Any

from gateway.detection.state import Cleared
from gateway.dialects import command, confirms
from gateway.model import Alarm, Command, CommandState, Entry, EntryKind, Instant, RemoteFixOutcome, Ticket, local
from gateway.planning.rows import entry
from gateway.planning.situation import Rules, Situation
from gateway.profiles import FirstTry, Profile
from gateway.tickets.lifecycle import end_alarm

SAID = {  # what came of it, as the ticket's timeline says it
    "confirmed": "it confirmed; the fault stayed",
    "silent": "it did not confirm; the fault stayed",
    "sent": "the fault stayed",
    "failed": "the device says that it could not do it",
    "unsent": "it could not be sent in time",
    "vanished": "the device has not been heard from since",
}
NOT_TRIED = {
    "again": "Not tried from afar again ({what}): the fault came back after the try on {day}",
    "unreachable": "Not tried from afar ({what}): the device is not connected",
    "no_commands": "Not tried from afar ({what}): the device takes no commands",
}
UNCONFIRMED = "such a device does not confirm commands"
NOT_NEEDED = "the fault was over before it was sent"


def first_try_of(profile: Profile | None, rule: str) -> FirstTry | None:
    """What the profile says today is tried first against an alarm of that rule."""
    if profile is None:
        return None
    if rule.startswith("fault:"):
        fault = profile.faults.get(rule.removeprefix("fault:")) or profile.faults.get("*")
        return None if fault is None else fault.first_try
    return next((one.first_try for one in profile.rules if one.name == rule), None)


def begin(alarm: Alarm, first: FirstTry, facts: Situation, online: bool, rules: Rules, now: Instant) -> None:
    """Queues the command and sets `alarm.try_until`; where it cannot be tried, `alarm.why` says why."""
    wanted = first.command
    tried: dict[str, Any] = {"command": wanted.name, "words": dict(wanted.words), "at": now}
    alarm.why = alarm.why | {"first_try": tried}
    key, until, command_id = facts.device.key, now + first.wait_ms, rules.fresh("M")
    message = command(key, wanted.type, wanted.params, command_id, until)
    before = _sent_before(alarm.rule, facts)
    if before is not None and now - before < first.again_after_ms:
        tried |= {"outcome": RemoteFixOutcome.AGAIN, "at": before}
    elif message is None or not online:
        tried["outcome"] = RemoteFixOutcome.NO_COMMANDS if message is None else RemoteFixOutcome.UNREACHABLE
    if message is None or "outcome" in tried:
        return
    row = Command(id=command_id, device_id=facts.device.id, topic=message[0], payload=message[1], created_at=now,
                  expires_at=until, why=None if confirms(key) else UNCONFIRMED)
    alarm.command_id, alarm.try_until = command_id, until
    facts.commands[command_id], facts.tried[alarm.rule] = row, alarm
    facts.draft.add(row, entry(alarm, now, EntryKind.REMOTE_FIX_BEGUN, what=wanted.words["en"],
                               why={"command_id": command_id, "try_until": until}))


def over(alarm: Alarm, cleared: Cleared, facts: Situation, now: Instant) -> None:
    """The fault is over while the try lasts: the alarm is closed, there never was a ticket, and nobody is told."""
    row = facts.commands[alarm.command_id or ""]
    taken = row.state == CommandState.ACKNOWLEDGED or (
        row.state == CommandState.SENT and not confirms(facts.device.key))
    fixed = taken and cleared.at <= (alarm.try_until or 0)
    kind = EntryKind.REMOTE_FIX_WORKED if fixed else EntryKind.REMOTE_FIX_NOT_CONFIRMED
    end_alarm(alarm, now)
    alarm.fixed_by = "command" if fixed else None
    facts.draft.add(entry(alarm, now, kind, who=f"device {facts.device.id}", why=cleared.why))
    _withdraw(row, NOT_NEEDED)


def give_up(alarm: Alarm, facts: Situation, online: bool) -> None:
    """The try is over and the fault is not; `alarm.why` says what came of it."""
    row = facts.commands[alarm.command_id or ""]
    alarm.try_until = None
    alarm.why = alarm.why | {"first_try": alarm.why["first_try"] | {"outcome": _outcome(row, facts, online)}}
    _withdraw(row, "its time was over")


def call_off(alarm: Alarm, facts: Situation, why: str) -> None:
    """Nobody waits for the try any more: what has not left yet stays here."""
    row = facts.commands.get(alarm.command_id or "") if alarm.try_until is not None else None
    if row is not None:
        _withdraw(row, why)


def evidence(ticket: Ticket, alarm: Alarm, facts: Situation, now: Instant) -> list[Entry]:
    """What whoever takes the ticket must know of the try; nothing when the profile asks for none."""
    tried = alarm.why.get("first_try")
    if tried is None:
        return []
    outcome, what, at = tried["outcome"], tried["words"]["en"], local(tried["at"], facts.site.timezone)
    if outcome in NOT_TRIED:
        kind, words = EntryKind.REMOTE_FIX_NOT_TRIED, NOT_TRIED[outcome].format(what=what, day=f"{at:%d %b at %H:%M}")
    else:
        kind, words = EntryKind.REMOTE_FIX_TRIED, f"Tried from afar at {at:%H:%M} ({what}): {SAID[outcome]}"
    return [entry(ticket, now, kind, why=tried, what=what, tried_at=tried["at"], outcome=outcome, text=words)]


def _sent_before(rule: str, facts: Situation) -> Instant | None:
    """When this fault was last tried from afar. A command that never left does not count."""
    last = facts.tried.get(rule)
    row = facts.commands.get(last.command_id or "") if last is not None else None
    return row.sent_at if row is not None else None


def _outcome(row: Command, facts: Situation, online: bool) -> str:
    if row.state == CommandState.FAILED:
        return "failed"
    if row.sent_at is None:
        return "unsent"
    if not online:
        return "vanished"
    if row.state == CommandState.ACKNOWLEDGED:
        return "confirmed"
    return "silent" if confirms(facts.device.key) else "sent"


def _withdraw(row: Command, why: str) -> None:
    """A command that has not left yet must not leave any more."""
    if row.state == CommandState.QUEUED:
        row.state, row.why = CommandState.EXPIRED, why
