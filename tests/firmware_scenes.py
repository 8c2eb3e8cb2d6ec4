"""What the button's core must do, in Python that CPython and MicroPython share: each scene is told to both."""
# mypy: ignore-errors

import json

FINGERS = (  # "_" up and "#" down, 10 ms each
    ("single", "_" * 10 + "#" * 20 + "_" * 60, ["single"]),
    ("double", "#" * 20 + "_" * 20 + "#" * 20 + "_" * 60, ["double"]),
    ("two singles", "#" * 20 + "_" * 60 + "#" * 20 + "_" * 60, ["single", "single"]),
    ("long", "#" * 170 + "_" * 60, ["long"]),
    ("long is known while held", "#" * 170, ["long"]),
    ("a bouncing contact is one press", "#_#_#_" + "#" * 20 + "_#_#" + "_" * 60, ["single"]),
    ("a spark is none", "#_#_" + "_" * 60, []),
    ("not yet certain", "#" * 20 + "_" * 20, []),
)


def play(button: object, script: str, start: int = 0) -> int:
    """Plays a finger; returns the time afterwards."""
    for place in range(len(script)):  # nothing here or in `beat` leaves garbage: a small heap would soon be full of it
        kind = button.beat(script[place] == "#", start + 10 * place)
        if kind is not None:
            button.press(kind, start + 10 * place, None)
    return start + 10 * len(script)


def new(core, memory="{}", queue="{}", woken="power"):
    return core.Button("b", memory, "f00d", queue, woken)


def pressed(core, memory="{}"):
    button = new(core, memory)
    play(button, "#" * 20 + "_" * 60)
    return button


def send(button, now):
    """The next message goes out and the broker takes it."""
    message = button.outgoing(now)
    button.sent(message, now)
    return message[0].split("/")[-1], json.loads(message[1])


def answer(press_id, state="callback_scheduled"):
    return json.dumps({"id": "M-1", "type": "press", "press_id": press_id, "state": state}).encode()


def order(command_id, kind="restart", expires_at=None):
    return json.dumps({"id": command_id, "type": kind, "expires_at": expires_at}).encode()


def is_(found, wanted):
    assert found == wanted, f"expected {wanted}, got {found}"


def fingers_are_understood(core):
    for name, script, kinds in FINGERS:
        button = new(core)
        play(button, script)
        is_((name, [press.kind for press in button.presses]), (name, kinds))


def the_finger_that_ended_the_sleep_is_a_press_though_nobody_saw_it_go_down(core):
    button = new(core, woken="pin")
    play(button, "_" * 60)

    is_([press.kind for press in button.presses], ["single"])


def a_power_cut_repeats_no_press_id_and_forgets_no_press(core):
    button = pressed(core, pressed(core).remembered())

    is_([press.id for press in button.presses], ["f00d-1", "f00d-2"])
    is_(button.light, core.SENDING)


def a_board_that_has_lost_its_memory_repeats_no_id_of_its_former_life(core):
    for lost in ("", "{", "[]", '{"counter": 7}', "null"):
        button = core.Button("b", lost, "beef", lost)
        button.press("single", 0, None)
        is_(button.presses[0].id, "beef-1")


def telemetry_gives_way_and_a_press_never_does(core):
    button = pressed(core)
    for number in range(100):
        button.measured({"battery": number}, None)

    is_(send(button, 1000)[0], "press")
    levels = []
    while button.outgoing(1000):
        levels.append(send(button, 1000)[1]["values"]["battery"])
    is_(levels, list(range(80, 100)))


def telemetry_that_cannot_be_sent_survives_and_its_numbers_go_on(core):
    button = new(core)
    for number in range(3):
        button.measured({"battery": number}, None)
    button = new(core, queue=button.queued(True))
    button.measured({"battery": 3}, None)

    is_([send(button, 0)[1]["seq"] for _ in range(4)], [1, 2, 3, 4])


def the_flash_is_left_in_peace(core):
    online, offline = new(core), new(core)
    for number in range(2 * core.BATCH):
        online.measured({"battery": number}, None)
        send(online, 0)
        is_((online.queued(False), online.queued(True)), (None, None))
    writes = 0
    for number in range(10 * core.BATCH):
        offline.measured({"battery": number}, None)
        writes += offline.queued(False) is not None
    is_(writes, 10)
    while offline.outgoing(0):
        send(offline, 0)
    is_(json.loads(offline.queued(False))["queue"], [])
    is_(offline.queued(False), None)


def mashing_while_offline_keeps_a_bounded_number_of_presses_and_the_urgent_one(core):
    button, at = new(core), 0
    for _ in range(100):
        at = play(button, "#" * 10 + "_" * 50, at)
    play(button, "#" * 170, at)

    is_(len(button.presses), core.PRESSES + 1)
    is_((button.presses[0].id, button.presses[-1].kind), ("f00d-1", "long"))


def the_light_follows_the_press(core):
    button = new(core)
    lights = [button.light]
    play(button, "#" * 20 + "_" * 60)
    lights.append(button.light)
    send(button, 1000)
    lights.append(button.light)
    assert button.told(answer("f00d-1"), 2000, None)
    lights.append(button.light)
    button.tick(2000 + core.SHOW)
    lights.append(button.light)

    is_(lights, ["idle", "sending", "received", "promised", "idle"])


def an_unanswered_press_is_sent_ever_more_seldom_with_the_same_id_and_the_light_says_so(core):
    button, sent_at, lights = pressed(core), [], []
    for now in range(1000, 700000, 5000):
        button.tick(now)
        if button.outgoing(now):
            is_(send(button, now)[1]["id"], "f00d-1")
            sent_at.append(now // 1000)
        if button.light not in lights[-1:]:
            lights.append(button.light)

    is_(sent_at, [1, 21, 61, 141, 301, 621])
    is_(lights, ["received", "failed", "idle"])
    button.told(answer("f00d-1"), 700000, None)
    is_((button.light, button.presses), ("promised", []))


def the_answer_to_another_press_leaves_ours_waiting(core):
    button = pressed(core)
    button.told(answer("f00d-99"), 1000, None)

    is_([press.id for press in button.presses], ["f00d-1"])


def a_restart_is_acknowledged_first_and_never_done_twice(core):
    button = new(core)
    assert button.told(order("C-1"), 0, None)
    is_((button.doing, button.nap(0, 3600000, None)), ("restart", None))
    is_(send(button, 0), ("ack", {"id": "C-1", "ok": True}))

    again = new(core, button.remembered())
    assert again.told(order("C-1"), 0, None)
    is_(again.doing, None)
    is_(send(again, 0), ("ack", {"id": "C-1", "ok": True}))


def an_acknowledgement_survives_a_power_cut(core):
    button = new(core)
    button.told(order("C-1"), 0, None)
    button = new(core, button.remembered())

    is_(send(button, 0), ("ack", {"id": "C-1", "ok": True}))
    is_(json.loads(button.remembered())["acks"], [])


def what_cannot_be_done_is_said_so(core):
    for payload, date, ok in (
        (order("C-1", "dance"), None, False), (order("C-1", None), None, False),
        (order("C-1", "restart", 1788264000000), 1788264000000, False),
        (order("C-1", "restart", 1788264000000), 1788263999999, True),
        (order("C-1", "restart", 1788264000000), None, True),  # nobody has told it the time
    ):
        button = new(core)
        assert button.told(payload, 0, date)
        is_((send(button, 0)[1]["ok"], button.doing), (ok, "restart" if ok else None))


def an_unreadable_command_changes_nothing(core):
    for payload in (b"", b"[]", b"null", b"{", b'{"type":"press"}', b'"x"', b'{"id": 7}', b'{"id": null}'):
        button = pressed(core)
        assert not button.told(payload, 1000, None)
        is_((button.light, button.acks), (core.SENDING, []))


def each_failure_waits_longer_and_half_of_it_is_chance(core):
    button = new(core)
    is_([button.retry_in(attempt, 0.0) for attempt in (0, 1, 2, 3, 50)], [500, 1000, 2000, 4000, 150000])
    is_(button.retry_in(3, 0.5), 6000)
    assert button.retry_in(3, 0.999) < 8000


def it_sleeps_when_nobody_needs_it(core):
    report = 3600000
    button = new(core)
    is_(button.nap(0, report, None), report)
    button.measured({"battery": 1}, None)
    is_((button.nap(0, report, None), button.nap(0, report, 10000)), (None, report))  # it can be sent; it cannot
    at = play(new(core), "#" * 10)
    held = new(core)
    play(held, "#" * 10)
    is_(held.nap(at, report, None), None)
    is_(held.nap(core.JAMMED + at, report, None) is None, False)


def a_press_without_an_answer_is_tried_again_from_its_sleep_without_a_show(core):
    button = new(core, pressed(core).remembered(), woken="timer")
    is_((button.light, button.outgoing(0) is not None), (core.IDLE, True))
    is_(button.nap(0, 3600000, 60000), 60000)
    send(button, 0)
    button.tick(core.PATIENCE)
    is_(button.light, core.IDLE)


def birth_will_and_sleep_are_said_as_the_wire_wants_them(core):
    button = new(core)
    is_(button.will(), ("devices/b/status", '{"state": "lost"}'))
    is_(json.loads(button.status("online", None)[1]), {"state": "online", "firmware": core.VERSION})
    is_(json.loads(button.status("sleeping", 5, 9)[1])["until"], 9)


SCENES = (
    fingers_are_understood, the_finger_that_ended_the_sleep_is_a_press_though_nobody_saw_it_go_down,
    a_power_cut_repeats_no_press_id_and_forgets_no_press,
    a_board_that_has_lost_its_memory_repeats_no_id_of_its_former_life, telemetry_gives_way_and_a_press_never_does,
    telemetry_that_cannot_be_sent_survives_and_its_numbers_go_on, the_flash_is_left_in_peace,
    mashing_while_offline_keeps_a_bounded_number_of_presses_and_the_urgent_one, the_light_follows_the_press,
    an_unanswered_press_is_sent_ever_more_seldom_with_the_same_id_and_the_light_says_so,
    the_answer_to_another_press_leaves_ours_waiting, a_restart_is_acknowledged_first_and_never_done_twice,
    an_acknowledgement_survives_a_power_cut, what_cannot_be_done_is_said_so, an_unreadable_command_changes_nothing,
    each_failure_waits_longer_and_half_of_it_is_chance, it_sleeps_when_nobody_needs_it,
    a_press_without_an_answer_is_tried_again_from_its_sleep_without_a_show,
    birth_will_and_sleep_are_said_as_the_wire_wants_them,
)
