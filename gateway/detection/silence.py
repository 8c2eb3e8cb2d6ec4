"""Two clocks a device: the link is alive (anything at all), and the data is fresh (telemetry)."""

from typing import Any

from gateway.detection.state import Cleared, Known, Raised, Verdict
from gateway.dialects.signals import Presence
from gateway.model import MINUTE, Instant
from gateway.profiles import Profile

SILENT, STALE = "silent", "stale"
CATCHES_UP = 2 * MINUTE  # after we were away, what was said meanwhile has come in by then


def heard(state: Known, now: Instant, verdicts: list[Verdict]) -> None:
    """Something came from the device itself: its link is alive."""
    state.seen_at = now
    if state.link != "online":
        state.link, state.link_at = "online", now
        state.rules.pop("!sleep", None)
    if SILENT in state.rules:
        del state.rules[SILENT]
        state.link_at = now  # it was as good as gone
        verdicts.append(Cleared(SILENT, now, {"heard_at": now}))


def fresh(state: Known, at: Instant, now: Instant, profile: Profile, verdicts: list[Verdict]) -> None:
    """Telemetry came: the data is fresh again when it is young enough to be."""
    data_ms = _data_ms(profile, state)
    if STALE in state.rules and (data_ms is None or at + data_ms > now):
        del state.rules[STALE]
        verdicts.append(Cleared(STALE, now, {"data_at": at}))


def is_old_news(state: Known, signal: Presence) -> bool:
    """Of what a broker had kept: a birth that we know of. A device found silent since is not back because of it."""
    return (signal.state == state.link == "online" and state.seen_at is not None
            and (signal.at is None or signal.at <= state.seen_at))


def presence(state: Known, signal: Presence, now: Instant, verdicts: list[Verdict]) -> None:
    """What the broker, a bridge or the device says of the link. Only `lost` can become a fault."""
    at = min(signal.at or now, now)
    if state.link_at is not None and at < state.link_at:
        return
    if signal.state == "online":
        heard(state, now, verdicts)
        return
    if signal.state == "reachable":
        if state.link == "unknown":  # as before its bridge went down; its clocks begin anew, and it must speak itself
            state.link, state.link_at = "online", now
        return
    if signal.state == "lost" and state.link == "sleeping" and (state.rules["!sleep"]["until"] or at) >= at:
        return  # it said that it would sleep, and its will came only because it does
    if signal.state != state.link:
        state.link, state.link_at = signal.state, at
    state.rules.pop("!sleep", None)
    if signal.state == "sleeping":
        state.rules["!sleep"] = {"s": "sleeping", "until": signal.until}
    elif signal.state in ("stopped", "removed") and SILENT in state.rules:
        del state.rules[SILENT]
        verdicts.append(Cleared(SILENT, now, {"link": signal.state}))


def judge_silence(profile: Profile, state: Known, listening_since: Instant | None, now: Instant,
                  verdicts: list[Verdict]) -> None:
    """Raises what is overdue; while we are deaf, or have not listened for a whole window, nobody is judged."""
    link_due, data_due = deadlines(profile, state, listening_since)
    if listening_since is None:
        return
    if link_due is not None and link_due <= now:
        why: dict[str, Any] = {"link": state.link, "link_at": state.link_at, "last_heard": state.seen_at,
                               "due": link_due, "link_ms": profile.silence.link_ms}
        _raise(profile, state, SILENT, link_due, why, verdicts)
    elif data_due is not None and data_due <= now:
        why = {"link": state.link, "last_data": state.data_at, "due": data_due, "data_ms": _data_ms(profile, state)}
        _raise(profile, state, STALE, data_due, why, verdicts)


def deadlines(profile: Profile, state: Known, listening_since: Instant | None = None
              ) -> tuple[Instant | None, Instant | None]:
    """(link, data): when each clock runs out as things stand; None = it is not running."""
    silence, heard_from = profile.silence, listening_since or 0
    since = heard_from if state.link_at is None or state.link_at < heard_from else state.link_at
    link = data = None
    if state.link == "online":
        seen, read = state.seen_at, state.data_at
        if seen is not None and silence.link_ms is not None:
            link = (seen if seen > since else since) + silence.link_ms
        if read is not None and (data_ms := _data_ms(profile, state)) is not None:
            # a link that has just come back brings its old data first
            data = (read if read > since else since) + data_ms
    elif state.link == "lost" and silence.lost_ms is not None:
        link = since + silence.lost_ms
        if _is_late_news(state, heard_from):
            link += silence.link_ms or 0  # a heartbeat of grace
    elif state.link == "sleeping" and silence.link_ms is not None:
        until = state.rules.get("!sleep", {}).get("until")
        link = max(until, heard_from) + silence.link_ms if until else None
    if SILENT in state.rules:  # who is not heard at all brings no data either
        return None, None
    return link, None if STALE in state.rules else data


def _is_late_news(state: Known, listening_since: Instant) -> bool:
    """Whether its loss is among the first things that we heard after we were away: it may be over, and more of what
    happened with it is still to be heard."""
    return ((state.link_at or 0) < listening_since + CATCHES_UP
            and (state.seen_at is None or state.seen_at < listening_since))


def _data_ms(profile: Profile, state: Known) -> int | None:
    """How old data may grow: as the profile says, else as the device itself has said."""
    silence = profile.silence
    if silence.data_ms is not None or "!expires" not in state.rules:
        return silence.data_ms
    switched_off = silence.link_ms is None and silence.lost_ms is None
    return None if switched_off else int(state.rules["!expires"]["ms"])


def _raise(profile: Profile, state: Known, rule: str, at: Instant, why: dict[str, Any],
           verdicts: list[Verdict]) -> None:
    state.rules[rule] = {"s": "active", "at": at}
    silence = profile.silence
    verdicts.append(Raised(rule, silence.severity, dict(silence.cause), silence.skill, "ticket", at, why,
                           depends_on=silence.depends_on))
