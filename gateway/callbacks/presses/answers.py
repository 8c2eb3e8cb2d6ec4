"""What answers a press without a call: an outage or planned work that is known, in words that fit the home."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from gateway.callbacks.lifecycle import Action, move
from gateway.detection.device_state import Pressed
from gateway.model import (
    MINUTE,
    Callback,
    CallbackState,
    EntryKind,
    Instant,
    LinkPurpose,
    MaintenanceWindow,
    MemberState,
    Notification,
    Outage,
    OutageMember,
    OutageState,
    Site,
    customer,
)
from gateway.notifications.topics import TopicName
from gateway.outages.homes.devices import Power, dark_since, power_of
from gateway.tickets.context import PlanningContext, Policy, SiteWork
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify

SOON = 15 * MINUTE  # before planned work begins, it is the answer already


class Form(StrEnum):
    """What somebody who pressed is told about their own home."""

    DARK = "dark"
    """It is in the power cut."""
    STILL_DARK = "still_dark"
    """Others have power again, and it has not."""
    BACK = "back"
    """It has power again, as far as we can tell."""
    NEAR = "near"
    """The power cut is around it; a device of theirs still reports."""
    UNSEEN = "unseen"
    """The power cut is around it, and nothing there has told us since."""
    REPORTED = "reported"
    """They have said on the telephone that it has no power."""


class Answer(NamedTuple):
    """What is known, and is the answer: an outage, with what it means to their home, or planned work in an area."""

    outage: Outage | None = None
    form: Form = Form.DARK
    work: MaintenanceWindow | None = None
    area: str = ""  # name


_MOST_KNOWN = (OutageState.CONFIRMED, OutageState.RESTORING, OutageState.SUSPECTED, OutageState.RESTORED)


def outage_here(context: PlanningContext) -> Outage | None:
    """The open outage that a press there may be about: one that the home is dark in before one around it."""
    return likeliest(context.area_outages, context.around.members)


def likeliest(outages: Iterable[Outage], members: Mapping[str, OutageMember]) -> Outage | None:
    """Of open ones around a home; `members`: outage id → the home in it."""
    return min(outages, default=None, key=lambda one: (
        dark_since(members.get(one.id)) is None, _MOST_KNOWN.index(one.state), one.id))


def answer_to_press(context: PlanningContext, policy: Policy, now: Instant) -> Answer | None:
    """None: somebody has to call. Whoever presses again after an answer wants to be called."""
    around, outage, last = context.around, outage_here(context), context.around.last_answer
    if outage is not None:
        power = power_of(around.devices, policy.profiles, outage.began_at, context.device.id)
        form = form_for(outage, around.members.get(outage.id), power)
        if form is not None:
            return Answer(outage, form) if last is None or last.outage_id != outage.id else None
    for window, area in around.works:
        if window.from_at - SOON <= now < window.until_at:
            again = last is not None and (last.closed_at or 0) >= window.from_at - SOON
            return None if again else Answer(work=window, area=area)
    return None


def form_for(outage: Outage, member: OutageMember | None, power: Power) -> Form | None:
    """What the outage means to a home; None: it is no answer, because the home is dark for a reason of its own, or the
    outage is not known for sure or over."""
    state = None if member is None else member.state
    if outage.state not in (OutageState.CONFIRMED, OutageState.RESTORING) or state is MemberState.NESTED:
        return None
    if state is MemberState.AFFECTED:
        return Form.DARK if outage.state is OutageState.CONFIRMED else Form.STILL_DARK
    if power is Power.OFF:  # it will be in it; once others come back, it has a fault of its own
        return Form.DARK if outage.state is OutageState.CONFIRMED else None
    if state is MemberState.RESTORED:
        return Form.BACK
    return Form.NEAR if power is Power.ON else Form.UNSEEN


def answer_press(pressed: Pressed, answer: Answer, context: PlanningContext, policy: Policy, now: Instant) -> Callback:
    """The press is answered at once, so that nobody needs to call."""
    callback = Callback(id=policy.new_id("C"), site_id=context.site.id, customer_id=context.customer.id,
                        device_id=context.device.id, state=CallbackState.ANSWERED, requested_at=now,
                        promised_by=now, closed_at=now, outage_id=None if answer.outage is None else answer.outage.id)
    draft = context.draft
    draft.add(callback)
    if answer.outage is not None:
        page = link(policy, LinkPurpose.FOLLOW, answer.outage, now, now + FOLLOW_FOR, context.site.id)
        draft.add(page, entry(callback, now, EntryKind.PRESSED_ANSWERED, press=pressed.kind, outage=answer.outage.id,
                              who=context.by_device, evidence={"outage": answer.outage.id, "form": answer.form}),
                  entry(answer.outage, now, EntryKind.CUSTOMER_ANSWERED, customer=context.customer.name),
                  outage_answer(answer.outage, answer.form, callback, context.site, policy, now, page.id, heard_at=now))
    elif answer.work is not None:
        facts = {"area": answer.area, "window_from": answer.work.from_at, "window_until": answer.work.until_at,
                 "cause": answer.work.words, "answered": True}
        draft.add(entry(callback, now, EntryKind.PRESSED_PLANNED, press=pressed.kind, area=answer.area,
                        until=answer.work.until_at, who=context.by_device, evidence={"maintenance": answer.work.id}),
                  notify(policy, customer(context.customer.id), TopicName.MAINTENANCE, answer.work,
                         f"answer/{callback.id}", now, facts=facts, heard_at=now))
    return callback


def answer_call(callback: Callback, outage: Outage, work: SiteWork, now: Instant) -> None:
    """The outage is the answer to a call that was promised: nobody rings."""
    move(callback, Action.ANSWER, now)
    work.draft.add(entry(callback, now, EntryKind.CALL_ANSWERED, outage=outage.id, evidence={"outage": outage.id}),
                   entry(outage, now, EntryKind.CUSTOMER_ANSWERED, customer=work.customer.name))


def link_call(callback: Callback, outage: Outage, work: SiteWork, now: Instant) -> None:
    """Whoever calls sees that it may be about the outage, and so does the outage itself."""
    callback.outage_id = outage.id
    work.draft.add(entry(callback, now, EntryKind.CALL_LINKED, outage=outage.id))


def unlink_call(callback: Callback, work: SiteWork, now: Instant) -> None:
    """It was no outage: the call stays as promised."""
    outage_id, callback.outage_id = callback.outage_id, None
    work.draft.add(entry(callback, now, EntryKind.CALL_UNLINKED, outage=outage_id))


def outage_answer(outage: Outage, form: Form, callback: Callback, site: Site, policy: Policy, now: Instant, page: str,
                  **more: Any) -> Notification:
    """The message that is the answer. It is about the outage, so that its news go to whoever had it."""
    heard_at = more.pop("heard_at", None)
    facts = {"area": outage.name, "homes": outage.homes, "etr": outage.etr_at, "answered": True, "form": str(form),
             "restoring": outage.state is OutageState.RESTORING, "look_by": outage.next_at, "can_press": True,
             "site": site.address, **more}
    return notify(policy, customer(callback.customer_id), TopicName.OUTAGE, outage, f"answer/{callback.id}", now,
                  facts=facts, link_id=page, heard_at=heard_at)
