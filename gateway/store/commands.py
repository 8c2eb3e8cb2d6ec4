"""Queries for commands to devices: queued → sent → acknowledged, expired or failed; never sent twice."""

from collections.abc import Sequence

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from gateway.model import Alarm, Command, CommandState, Instant, ReasonKind
from gateway.model.lifecycle import COMMAND_TRANSITIONS, CommandAction

MANY = 1000  # rows looked at in one transaction
LATE = {CommandState.QUEUED: ReasonKind.NOT_SENT_IN_TIME, CommandState.SENT: ReasonKind.NOT_CONFIRMED_IN_TIME}


def claim(session: Session, now: Instant, limit: int) -> list[Command]:
    """Queued commands, oldest first, `sent` once this is committed: publish them then, and only then.

    Dying in between forgets a command and never repeats it. What is past its time becomes `expired`.
    """
    _expire(session, now)
    if limit <= 0:
        return []
    waiting = select(Command).where(Command.state == CommandState.QUEUED, col(Command.expires_at) > now)
    waiting = waiting.order_by(col(Command.created_at)).limit(limit).with_for_update(skip_locked=True)
    found = list(session.exec(waiting))
    _move(session, [command.id for command in found], CommandState.QUEUED, CommandAction.SEND, sent_at=now)
    session.expunge_all()
    return found


def settle(session: Session, acks: Sequence[tuple[str, str, bool]], now: Instant) -> None:
    """What devices say of commands: (device id, command id, whether it could be done). Of another's command a device
    can say nothing; nor of one that is not under way. A remote fix that failed needs no more patience."""
    if not acks:
        return
    said = {(device_id, command_id): ok for device_id, command_id, ok in acks}
    wanted = select(Command.id, Command.device_id).where(
        col(Command.id).in_({command_id for _, command_id in said}), Command.state == CommandState.SENT)
    ok = {command_id: said.get((device_id, command_id)) for command_id, device_id in session.exec(wanted)}
    done, failed = ([command_id for command_id in ok if ok[command_id] is how] for how in (True, False))
    _move(session, done, CommandState.SENT, CommandAction.ACKNOWLEDGE, acknowledged_at=now)
    _move(session, failed, CommandState.SENT, CommandAction.FAIL, reason=ReasonKind.NOT_DONE)
    if failed:
        session.connection().execute(update(Alarm).where(
            col(Alarm.command_id).in_(failed), col(Alarm.try_until) > now).values(try_until=now))


def fail_queued(session: Session, device_id: str, reason: ReasonKind) -> None:
    """What has not left for this device must not leave any more."""
    waiting = select(Command.id).where(Command.device_id == device_id, Command.state == CommandState.QUEUED)
    _move(session, session.exec(waiting).all(), CommandState.QUEUED, CommandAction.FAIL, reason=reason)


def _expire(session: Session, now: Instant) -> None:
    for state, reason in LATE.items():
        late = select(Command.id).where(Command.state == state, col(Command.expires_at) <= now)
        ids = session.exec(late.limit(MANY).with_for_update(skip_locked=True)).all()
        _move(session, ids, state, CommandAction.EXPIRE, reason=func.coalesce(Command.reason, reason))


def _move(session: Session, ids: Sequence[str], before: CommandState, action: CommandAction, **values: object) -> None:
    """Those that are still in the state `before`; the one place that writes a command's state by SQL."""
    if ids:
        session.connection().execute(update(Command).where(col(Command.id).in_(ids), col(Command.state) == before)
                                     .values(state=COMMAND_TRANSITIONS[before, action], **values))
