"""Words how the channels are at this moment: paused because they fail, at their limit, or in the shadow mode."""

from collections.abc import Collection, Iterator

from gateway.config.field_types import limit_of_each
from gateway.explain.format import Line, joined_words
from gateway.explain.people.facts import ChannelStates, Sending
from gateway.notifications.format_times import TimeFormat


def channel_lines(sending: Sending, states: ChannelStates, used: Collection[str], times: TimeFormat) -> Iterator[Line]:
    """Of those that are `used`: what keeps messages from going there now, and what it takes at most."""
    for name in sorted(set(used) & sending.channels):
        pause = states.paused.get(name)
        if pause is not None:
            yield Line("channel", f"{name} is paused since {times.exact(pause.since)}, because it fails ({pause.why}); "
                                  f"one message goes on {times.exact(pause.probe_at)}, to see whether it works again",
                       pause.since)
        key = limit_of_each(sending.limits).get(name)
        if key is not None:
            limit, busy = sending.limits[key], states.busy_until.get(key, 0)
            free = f"one more may go on {times.exact(busy)}" if busy > times.now else "there is room now"
            takes = f"{' and '.join(key.split('+'))} {'take' if '+' in key else 'takes'}"
            yield Line("channel", f"{takes} {limit.most} messages in {times.duration(limit.within)} at most: "
                                  f"{free}; what is critical does not wait for that")


def shadow_lines(sending: Sending) -> Iterator[Line]:
    """Nothing where the gateway is switched on."""
    if sending.mode == "on":
        return
    but = f", but for homes in {joined_words(sending.live_areas)}" if sending.live_areas else ""
    yield Line("channel", f"The mode is shadow: all is decided and worded, and nothing leaves{but}, except what a "
                          "person's press or wish asks for")
