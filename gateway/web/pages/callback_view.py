"""The content of the customer's page for a callback."""

from gateway.callbacks.numbers.emergency_numbers import emergency_number
from gateway.model import Callback, CallbackKind, CallbackState, CallOutcome, Instant
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.messages import no_rescue_service
from gateway.store.views.pages import FollowedCallback
from gateway.web.pages.follow.history import PastEvent
from gateway.web.pages.ticket_view import FollowPage, StateStyle, steps, words_of

_CALL_STEPS = (("pressed", "button"), ("calling", "phone"), ("talked", "talk"), ("settled", "check"))
CALL_LOOK = {
    CallbackState.REQUESTED: StateStyle(0, "moving", "phone"),
    CallbackState.CLAIMED: StateStyle(1, "moving", "phone"),
    CallbackState.ATTEMPTING: StateStyle(1, "moving", "phone"),
    CallbackState.CONNECTED: StateStyle(2, "moving", "talk"),
    CallbackState.DONE: StateStyle(3, "good", "check"),
    CallbackState.EXPIRED: StateStyle(3, "quiet", "phone"),
    CallbackState.CANCELLED: StateStyle(3, "quiet", "cross"),
    CallbackState.ANSWERED: StateStyle(3, "alert", "bolt"),
}
_PRESS_AGAIN = (CallbackState.DONE, CallbackState.EXPIRED, CallbackState.CANCELLED, CallbackState.ANSWERED)

_GOES_ON = (CallOutcome.HELP_SENT, CallOutcome.VISIT_NEEDED, CallOutcome.STILL_OUT)  # outcomes after which more comes


def callback_page_content(facts: FollowedCallback, words: Catalogue, say: TimeFormat, country: str, can_press: bool,
                          outage_page: str) -> FollowPage:
    """The content of the customer's page for a callback at `say.now`. `country`: of sites that do not say theirs;
    `can_press`: a button there works, as far as we know; `outage_page`: the address of the outage that was the answer,
    "" for none."""
    callback = facts.callback
    rescue = emergency_number(facts.site.country or country) if callback.emergency else ""
    station, tone, icon = CALL_LOOK[callback.state]
    key = str(callback.state)
    if callback.state == CallbackState.REQUESTED and callback.attempts:
        key = "requested_again"
    elif callback.state == CallbackState.REQUESTED and callback.emergency:
        key = "help_requested"
    waiting = callback.state == CallbackState.REQUESTED
    known = [(words("page.known_already"), words_of(cause, ticket, words)) for ticket, cause in facts.open_tickets]
    urgent = [("", words("page.urgent"))] if callback.urgent and not callback.closed_at else []
    return FollowPage(
        tone, icon, *_headline(callback, key, can_press, words),
        time_name=words("page.call_between" if callback.ring_from else "page.by") if waiting else "",
        time=capital(call_time(callback, say)) if waiting else "",
        sorry=_call_sorry(callback, words, say.now) if waiting else "",
        steps=steps(_CALL_STEPS, station, tone, _call_skipped(callback), words),
        in_danger=no_rescue_service(rescue, words) if callback.emergency else "", rescue=rescue,
        past=_call_past(facts, words), facts=urgent + known, number=callback.id,
        leads_to=(outage_page, words("page.call.to_outage")) if outage_page else None,
    )


def _headline(callback: Callback, key: str, can_press: bool, words: Catalogue) -> tuple[str, str]:
    """The headline and what follows it; nobody to whom help is on its way reads that all is settled."""
    more = words(f"page.call.{key}_more{_by_telephone(key, can_press)}")
    if callback.outcome is CallOutcome.WAS_TEST:
        return words("page.call.done.was_test"), more
    if callback.outcome in _GOES_ON:
        return words(f"page.call.done.{callback.outcome}"), f"{words(f'page.call.done.{callback.outcome}_more')} {more}"
    return words(f"page.call.{key}"), more


def _by_telephone(key: str, can_press: bool) -> str:
    """Nobody is told to press a button that is dead, or that they do not have."""
    return "_ring" if key in _PRESS_AGAIN and not can_press else ""


def call_time(callback: Callback, say: TimeFormat) -> str:
    """By when somebody is rung, or between which times."""
    if callback.ring_from is not None and callback.ring_from < callback.promised_by:
        return say.span(callback.ring_from, callback.promised_by)
    return say.when(callback.promised_by)


def _call_sorry(callback: Callback, words: Catalogue, now: Instant) -> str:
    if now > callback.promised_by:
        return words("page.call_late")
    return words("page.call_late_again") if callback.overdue_told_at is not None else ""


def _call_skipped(callback: Callback) -> frozenset[str]:
    if callback.state in (CallbackState.CANCELLED, CallbackState.EXPIRED, CallbackState.ANSWERED):
        return frozenset({"talked", "settled"} if callback.attempts else {"calling", "talked", "settled"})
    return frozenset()


def _call_past(facts: FollowedCallback, words: Catalogue) -> list[PastEvent]:
    callback, device = facts.callback, facts.device.name if facts.device else ""
    asked = words("page.past_call_check" if callback.kind is CallbackKind.CHECK else "page.past_call_asked")
    if callback.presses:
        asked = words.plural("page.past_pressed", callback.presses, device=device)
    past = [PastEvent(callback.requested_at, asked)]
    if callback.closed_at is not None:
        ended = {CallbackState.DONE: "page.past_settled", CallbackState.EXPIRED: "page.past_call_expired",
                 CallbackState.ANSWERED: "page.past_call_answered"}.get(
            callback.state, "page.past_call_cancelled")
        past.append(PastEvent(callback.closed_at, words(ended)))
    return past
