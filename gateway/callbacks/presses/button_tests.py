"""Plans the tests of emergency buttons: when a household is asked, what a test press is, and who rings when none comes.
"""

from zlib import crc32

from gateway.calendars.opening_hours import DAYS, Calendar, next_opening
from gateway.callbacks.lifecycle import Action as CallAction
from gateway.callbacks.lifecycle import move as move_call
from gateway.callbacks.open import Wish, end_call, wish_call
from gateway.callbacks.presses.button_test_lifecycle import Action, move
from gateway.callbacks.presses.replies import reply
from gateway.detection.device_state import SILENT, Pressed
from gateway.devices.profiles import ButtonTestSpec, Profile
from gateway.model import (
    DAY,
    HOUR,
    ButtonTest,
    ButtonTestState,
    Callback,
    CallbackKind,
    CallbackOrigin,
    CallbackState,
    Device,
    Due,
    DueKind,
    EntryKind,
    Instant,
    Reason,
    ReasonKind,
    Responsible,
    customer,
)
from gateway.model.signals import PressAnswer
from gateway.model.states import PressReply
from gateway.notifications.topics import TopicName
from gateway.tickets.context import PlanningContext, Policy, SiteWork
from gateway.tickets.deadlines import end_due, set_due
from gateway.tickets.new_rows import entry, notify

BY_DAY = dict.fromkeys(DAYS, (("10:00", "17:00"),))  # when a household is asked, on its own clock
SAME_TEST = HOUR  # who makes the gesture again within this time has tested once
_OF_A_TEST = (CallbackOrigin.TEST_DUE, CallbackOrigin.TEST_MISSED)


def plan_test_press(pressed: Pressed, press_id: str, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """Somebody made the gesture that only tests the button; the press was not heard before. Nobody is called."""
    reply_to_test(pressed, press_id, context, policy, now)
    test = context.work.button_tests.get(context.device.id)
    if test is None or (test.state is ButtonTestState.PLANNED and now - (test.passed_before or 0) < SAME_TEST):
        return
    test.press_id, test.battery = press_id, pressed.battery
    following = _pass(test, context.device, context.work, policy, now)
    facts = {"number": test.id, "device": context.device.name, "battery": pressed.battery,
             "next_at": None if following is None else following.planned_for}
    context.draft.add(notify(policy, customer(context.customer.id), TopicName.BUTTON_TEST_HEARD, context.device,
                             test.id, now, facts=facts, heard_at=now))


def reply_to_test(pressed: Pressed, press_id: str, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """Says on the device that the test has reached us; also when the network repeats it."""
    reply(press_id, PressAnswer(PressReply.TEST_HEARD, battery=pressed.battery), context, policy, now)


def requested_test(device_id: str, work: SiteWork) -> ButtonTest | None:
    """The test of this button that the household is asked for now."""
    test = work.button_tests.get(device_id)
    return test if test is not None and test.state is ButtonTestState.ASKED else None


def plan_test_confirmed(callback: Callback, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Whoever rang them writes down that it was the test: the press that called them counts as one."""
    test = work.button_tests.get(callback.device_id or "")
    if test is not None and test.device_id in work.devices:
        test.callback_id = callback.id
        _pass(test, work.devices[test.device_id].device, work, policy, now)


def plan_test_due(due: Due, work: SiteWork, policy: Policy, now: Instant) -> None:
    """A household is to be asked, to be reminded, or has not answered."""
    test, context = work.button_tests.get(due.subject_id), work.devices.get(due.subject_id)
    if test is None or context is None:
        return
    spec = spec_of(policy.profiles.get(context.device.profile))
    if spec is None:
        end_test(context.device, work, now)
    elif _no_time_to_ask(context):
        move(test, Action.PUT_OFF, now)
        _plan_for(test, context.device, now + DAY, work, policy)
    elif due.kind is DueKind.TEST_ASK:
        _ask(test, spec, context, policy, now)
    elif test.reminded_at is None and test.callback_id is None and now < (test.answer_by or now):
        test.reminded_at = now
        _message(test, spec, context, policy, now)
        set_due(context.device, DueKind.TEST_ANSWER, test.answer_by or now, Responsible.CUSTOMER, work, policy)
    else:
        _miss(test, spec, context, policy, now)


def spec_of(profile: Profile | None) -> ButtonTestSpec | None:
    """How devices of this profile are tested; None: they are not."""
    return None if profile is None else profile.test


def plan_first_test(device: Device, spec: ButtonTestSpec, work: SiteWork, policy: Policy, now: Instant) -> None:
    """A button that has no test yet. Not all of a fleet are asked on one day: its id decides which, within `every`."""
    _plan_next(device, now + DAY + crc32(device.id.encode()) % (spec.every - DAY), None, work, policy)


def end_test(device: Device, work: SiteWork, now: Instant) -> None:
    """The button is retired, or is no longer tested."""
    test = work.button_tests.pop(device.id, None)
    if test is not None:
        move(test, Action.END, now)
        end_due(device, work, DueKind.TEST_ASK, DueKind.TEST_ANSWER)


def _no_time_to_ask(context: PlanningContext) -> bool:
    """Nobody is advised to press a button that is dead or whose home is dark, or while somebody has called for help."""
    return (context.site.household_left_at is not None or context.outage_id is not None
            or context.fault(SILENT) is not None or CallbackKind.EMERGENCY in context.work.callbacks)


def _ask(test: ButtonTest, spec: ButtonTestSpec, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """By message, in the household's day; whom no message reaches is rung."""
    move(test, Action.ASK, now)
    test.asked_at, test.answer_by, test.reminded_at = now, now + spec.answer_within, None
    end_due(context.device, context.work, DueKind.TEST_ASK)
    look_at = test.answer_by
    if context.work.reached_by_message:
        test.callback_id = None
        _message(test, spec, context, policy, now)
        look_at = _by_day(now + spec.answer_within // 2, context.work)
    else:
        test.callback_id = _ring(CallbackOrigin.TEST_DUE, context, policy, now).id
    set_due(context.device, DueKind.TEST_ANSWER, min(look_at, test.answer_by), Responsible.CUSTOMER, context.work,
            policy)


def _message(test: ButtonTest, spec: ButtonTestSpec, context: PlanningContext, policy: Policy, now: Instant) -> None:
    device = context.device
    facts = {"number": test.id, "device": device.name, "answer_by": test.answer_by,
             "again": test.reminded_at is not None, "gesture": dict(spec.gesture or {}),
             "has_gesture": device.key.startswith("native:")}
    context.draft.add(notify(policy, customer(context.customer.id), TopicName.BUTTON_TEST_ASKED, device,
                             f"{test.id}/again" if test.reminded_at else test.id, now, facts=facts))


def _miss(test: ButtonTest, spec: ButtonTestSpec, context: PlanningContext, policy: Policy, now: Instant) -> None:
    move(test, Action.MISS, now)
    end_due(context.device, context.work, DueKind.TEST_ANSWER)
    test.callback_id = _ring(CallbackOrigin.TEST_MISSED, context, policy, now).id
    _plan_next(context.device, now + spec.every, test.passed_before, context.work, policy)


def _ring(origin: CallbackOrigin, context: PlanningContext, policy: Policy, now: Instant) -> Callback:
    return wish_call(Wish(CallbackKind.CHECK, origin, device_id=context.device.id), context.work, policy, now)


def _pass(test: ButtonTest, device: Device, work: SiteWork, policy: Policy, now: Instant) -> ButtonTest | None:
    """The one that is planned next; None: it is no longer tested."""
    move(test, Action.PASS, now)
    end_due(device, work, DueKind.TEST_ASK, DueKind.TEST_ANSWER)
    call = work.callbacks.get(CallbackKind.CHECK)
    if (call is not None and call.origin in _OF_A_TEST and call.device_id == device.id
            and call.state is CallbackState.REQUESTED):  # else somebody is ringing them
        move_call(call, CallAction.CANCEL, now)
        work.draft.add(entry(call, now, EntryKind.CANCELLED, reason=Reason(ReasonKind.BUTTON_HEARD)))
        end_call(call, work, now)
    spec = spec_of(policy.profiles.get(device.profile))
    del work.button_tests[device.id]
    return None if spec is None else _plan_next(device, now + spec.every, now, work, policy)


def _plan_next(device: Device, at: Instant, passed_before: Instant | None, work: SiteWork, policy: Policy
               ) -> ButtonTest:
    test = ButtonTest(id=policy.new_id("B"), device_id=device.id, site_id=work.site.id, planned_for=at,
                      passed_before=passed_before)
    work.button_tests[device.id] = test
    work.draft.add(test)
    _plan_for(test, device, at, work, policy)
    return test


def _plan_for(test: ButtonTest, device: Device, at: Instant, work: SiteWork, policy: Policy) -> None:
    test.planned_for = _by_day(at, work)
    end_due(device, work, DueKind.TEST_ANSWER)
    set_due(device, DueKind.TEST_ASK, test.planned_for, Responsible.GATEWAY, work, policy)


def _by_day(at: Instant, work: SiteWork) -> Instant:
    """That moment, or the next morning when it is late there."""
    return next_opening(Calendar(work.customer.timezone, BY_DAY), at) or at
