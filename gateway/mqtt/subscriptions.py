"""MQTT subscriptions: which filters are active, which the broker refused, and how many it accepts at once.

A broker that refuses a filter says so. One that has a limit (filters in a packet, subscriptions on a connection) may
hang up instead: then what it had just been asked for is asked for again one by one, to learn whether it was too much
in one packet, a filter that it forbids, or one too many.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as paho
import structlog

from gateway.model import MINUTE, SECOND, Instant

PART = 8  # filters in one packet: AWS IoT Core hangs up on more
UNDER_WAY = 16  # packets that are not answered yet; one, once a broker has hung up on us
UNANSWERED = 15 * SECOND  # after which a filter counts as not heard
HOUR = 60 * MINUTE
REFUSED_AGAIN = (2 * SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE)
HUNG_UP_AGAIN = (20 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR)  # each try may cost the connection
LIMIT_AGAIN = (10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR)  # likewise
NEVER: Instant = 2**62

log = structlog.get_logger()


class RefusedFilter(NamedTuple):
    """A filter that was refused, why, and when it is requested again."""

    why: str
    hung_up: bool
    tries: int
    again_at: Instant


class Subscriptions:
    """The subscriptions of one listener, over all its connections: what was learnt on one holds for the next.

    A filter is fixed (a dialect's) or announced by a device.
    """

    def __init__(self, share: str | None) -> None:
        self._prefix = f"$share/{share}/" if share else ""
        self._wanted: dict[str, bool] = {}  # filter → is it fixed; the most important first
        self._announced: set[str] = set()
        self._granted: dict[str, Instant] = {}  # on this connection
        self._to_subscribe: deque[str] = deque()  # not asked for yet
        self._unanswered: dict[int, tuple[list[str], Instant]] = {}  # message id → filters not answered yet, since
        self._refused: dict[str, RefusedFilter] = {}
        self._again_at: Instant = NEVER  # when the next one is asked for again
        self._looked_at: Instant = 0  # when we were last told the time
        self._packet_size = PART
        self._largest = 0  # bytes that the broker takes in one packet; 0: it did not say
        self._careful = False  # one packet at a time
        self._one_by_one: set[str] = set()  # … and one filter in it
        self._halving = False  # when all of these are granted, it was too many in one packet
        self.limit: int | None = None  # subscriptions that the broker bears on one connection
        self._limit_tries = 0
        self._limit_again_at: Instant = 0
        self._suspect = ""  # a filter at which it hung up …
        self._suspect_at = 0  # … when it had granted so many: is it forbidden, or one too many?
        self._learning = False  # the last connection ended while we were asking
        self._fruitless_connections = 0  # connections in a row that ended so before anything was granted

    @property
    def settled(self) -> bool:
        """Whether something is granted and the broker has answered for every fixed filter; announced topics may
        follow."""
        return bool(self._granted) and not self._open

    @property
    def nothing(self) -> bool:
        """Whether the broker has answered every request and granted nothing at all."""
        return bool(self._refused) and not self._granted and not self._open

    @property
    def learning(self) -> bool:
        """Whether the broker hung up on a subscription and the next connection tries another way, so need not wait."""
        return self._learning and self._fruitless_connections < 3

    @property
    def _open(self) -> bool:
        wanted = self._wanted
        return (any(wanted.get(one) for some, _ in self._unanswered.values() for one in some)
                or any(wanted.get(one) for one in self._to_subscribe))

    def granted_at(self, wanted: str) -> Instant | None:
        """Since when this filter is subscribed on this connection; None: it is not."""
        return self._granted.get(wanted)

    def missing_filters(self) -> dict[str, str]:
        """Filter → why the broker does not grant it; the most important first."""
        if not self._refused and self.limit is None:
            return {}
        over = self._beyond_limit()
        return {one: f"the broker bears {self.limit} subscriptions of one client and no more" if one in over
                else self._refused[one].why
                for one in self._wanted if one not in self._granted and (one in over or one in self._refused)}

    def begin(self, client: paho.Client, wanted: Mapping[str, bool], now: Instant, session_kept: bool = False,
              largest: int = 0) -> None:
        """Subscribes to everything on a new connection, the most important first. `largest`: bytes in one packet that
        the broker takes. What a kept session still holds does no harm, unless there is a limit."""
        self.lost(now, hung_up=False)
        self._learning, self._largest = False, largest
        self._replace_filters(wanted)
        self._refused = {one: aside for one, aside in self._refused.items() if one in wanted and aside.hung_up}
        over = self._beyond_limit()
        self._to_subscribe = deque(one for one in wanted if one not in over and one not in self._refused)
        if self.limit is not None and session_kept:  # it may hold others from before
            self._unsubscribe(client, [one for one in wanted if one in over])
        if self._suspect in self._to_subscribe:
            self._try_suspect(client)
        self.retry_refused(client, now)

    def follow(self, client: paho.Client, announced: Collection[str], changed: Collection[str], now: Instant) -> None:
        """Subscribes to announced topics that are new, and leaves those that are gone, as far as they have `changed`:
        there may be hundreds of thousands."""
        new = sorted(one for one in changed if one in announced and one not in self._wanted)
        gone = {one for one in changed if one in self._announced and one not in announced}
        if gone:
            for one in gone:
                del self._wanted[one]
                self._refused.pop(one, None)
            self._to_subscribe = deque(one for one in self._to_subscribe if one not in gone)
            self._unsubscribe(client, [one for one in sorted(gone) if self._granted.pop(one, None) is not None])
            self._announced -= gone
        self._wanted.update(dict.fromkeys(new, False))
        self._announced.update(new)
        over = self._beyond_limit()
        self._to_subscribe.extend(one for one in new if one not in over)
        self.retry_refused(client, now)

    def reorder(self, client: paho.Client, wanted: Mapping[str, bool], now: Instant) -> None:
        """Where the broker bears only so many: leaves what has become less important for what has become more so."""
        if self.limit is None:
            return
        self._replace_filters(wanted)
        over = self._beyond_limit()
        self._unsubscribe(client, [one for one in self._granted if one in over or one not in wanted])
        self._granted = {one: at for one, at in self._granted.items() if one in wanted and one not in over}
        under_way = {one for some, _ in self._unanswered.values() for one in some}
        self._to_subscribe = deque(one for one in wanted if one not in over and one not in self._granted
                          and one not in under_way and one not in self._refused)
        self.retry_refused(client, now)

    def retry_refused(self, client: paho.Client, now: Instant) -> None:
        """Asks for what is next, as far as packets may be under way, and again for what was refused."""
        if now < self._looked_at:
            self._clock_set_back(now - self._looked_at)
        self._looked_at = now
        for late in [mid for mid, (_, since) in self._unanswered.items() if now - since > UNANSWERED]:
            self._mark_refused(self._unanswered.pop(late)[0], "the broker does not answer", now)
        if now >= self._again_at and not self._to_subscribe and not self._unanswered:
            self._retry_due(now)
        while self._to_subscribe and len(self._unanswered) < (1 if self._careful else UNDER_WAY):
            part = self._next_part()
            try:
                result, mid = client.subscribe([(self._prefix + one, 1) for one in part])
            except ValueError as error:  # it is no filter at all
                self._mark_refused(part, str(error), now)
                continue
            if result != paho.MQTT_ERR_SUCCESS or mid is None:  # the connection is just ending
                return
            self._unanswered[mid] = part, now

    def answered(self, mid: int, reasons: Sequence[Any], now: Instant) -> None:
        """Handles the broker's answer (SUBACK `mid`) to one packet of filters."""
        part, _ = self._unanswered.pop(mid, ([], 0))
        for one, reason in zip(part, reasons, strict=False):
            if reason.is_failure:
                self._mark_refused([one], f"the broker refuses it: {reason}", now)
            else:
                self._granted[one] = now
                self._refused.pop(one, None)
        self._mark_refused(part[len(reasons):], "the broker does not answer", now)
        self._fruitless_connections = 0
        if self._suspect in self._granted and len(self._granted) > self._suspect_at:
            self._suspect = ""  # neither: the connection broke by chance
        if self._one_by_one and len(part) == 1:
            self._one_by_one.discard(part[0])
            if not self._one_by_one and self._halving:
                self._packet_size, self._halving = max(1, self._packet_size // 2), False
        if self.limit is not None and len(self._granted) > self.limit:  # it bears more by now
            over = self._beyond_limit()
            self.limit, self._limit_tries = None, 0
            self._to_subscribe.extend(one for one in self._wanted if one in over and one not in self._granted)

    def lost(self, now: Instant, hung_up: bool) -> None:
        """Handles the end of the connection; `hung_up`: the broker closed it, perhaps because of a subscription."""
        if hung_up and self._unanswered:
            self._learn_limit([some for some, _ in self._unanswered.values()], now)
        self._granted, self._unanswered, self._to_subscribe = {}, {}, deque()

    def _learn_limit(self, pending: list[list[str]], now: Instant) -> None:
        granted = len(self._granted)
        self._learning = True
        self._fruitless_connections = 0 if granted else self._fruitless_connections + 1
        if not self._careful or len(pending) > 1:
            self._careful = True  # which of them it was shows when one is asked for after the other
            return
        if len(pending[0]) > 1:
            self._one_by_one, self._halving = set(pending[0]), True
            return
        [one] = pending[0]
        suspect, self._suspect, self._halving = self._suspect, "", False
        self._one_by_one.discard(one)
        if self.limit is not None and granted >= self.limit:
            self._limited(self.limit, now)
            if one in self._refused:
                self._mark_refused([one], self._refused[one].why, now, hung_up=True)
        elif suspect in self._granted and granted == self._suspect_at:  # both were granted, only not together
            self._one_by_one.clear()
            self._limited(granted, now)
            log.warning("the broker bears only so many subscriptions: the most important are made", limit=granted)
        elif one == suspect or not granted or one in self._refused:
            self._mark_refused([one], "the broker hangs up when it is asked for it", now, hung_up=True)
        else:
            self._suspect, self._suspect_at = one, granted

    def _try_suspect(self, client: paho.Client) -> None:
        """Requests it in the place of one that was granted: if that works, it was only one too many."""
        others = [one for one in self._to_subscribe if one != self._suspect]
        place = self._suspect_at - 1
        instead = others[place:place + 1]
        self._unsubscribe(client, instead)
        self._one_by_one |= {self._suspect, *instead}
        self._to_subscribe = deque([*others[:place], self._suspect, *others[place:]])

    def _limited(self, limit: int, now: Instant) -> None:
        self._limit_again_at = now + LIMIT_AGAIN[min(self._limit_tries, len(LIMIT_AGAIN) - 1)]
        self._again_at = min(self._again_at, self._limit_again_at)
        self.limit, self._limit_tries = limit, self._limit_tries + 1

    def _beyond_limit(self) -> set[str]:
        """The filters beyond the broker's limit."""
        if self.limit is None:
            return set()
        hung_up = {one for one, aside in self._refused.items() if aside.hung_up}
        return set([one for one in self._wanted if one not in hung_up][self.limit:])

    def _retry_due(self, now: Instant) -> None:
        """Requests again what was refused and is due; filters that may cost the connection, one at a time."""
        due = [one for one, aside in self._refused.items() if aside.again_at <= now]
        self._to_subscribe.extend(one for one in due if not self._refused[one].hung_up)
        if not self._to_subscribe:
            over = self._beyond_limit() if self.limit is not None and self._limit_again_at <= now else set()
            risky = due or [one for one in self._wanted if one in over][:1]
            if risky:
                self._careful, self._one_by_one = True, {risky[0]}
                self._to_subscribe.append(risky[0])
        if self._to_subscribe:
            return  # and then there may be more
        moments = [aside.again_at for aside in self._refused.values()]
        self._again_at = min([*moments, self._limit_again_at if self.limit is not None else NEVER], default=NEVER)
        self._careful = self.limit is not None or any(aside.hung_up for aside in self._refused.values())

    def _mark_refused(self, filters: Sequence[str], why: str, now: Instant, hung_up: bool = False) -> None:
        pauses = HUNG_UP_AGAIN if hung_up else REFUSED_AGAIN
        for one in filters:
            tries = self._refused[one].tries + 1 if one in self._refused else 0
            self._refused[one] = RefusedFilter(why, hung_up, tries, now + pauses[min(tries, len(pauses) - 1)])
            self._again_at = min(self._again_at, self._refused[one].again_at)

    def _clock_set_back(self, by: int) -> None:
        """Our clock was set back (`by` < 0 ms): nothing was granted in the future, or its silence would not be judged
        until then, and nothing is waited for longer than before."""
        self._granted = {one: at + by for one, at in self._granted.items()}
        self._unanswered = {mid: (part, at + by) for mid, (part, at) in self._unanswered.items()}
        self._refused = {one: aside._replace(again_at=aside.again_at + by) for one, aside in self._refused.items()}
        self._limit_again_at += by
        if self._again_at != NEVER:
            self._again_at += by

    def _next_part(self) -> list[str]:
        part = [self._to_subscribe.popleft()]
        room = self._largest - self._bytes(part[0])
        while self._to_subscribe and len(part) < self._packet_size and not self._one_by_one & {part[0],
                                                                                               self._to_subscribe[0]}:
            room -= self._bytes(self._to_subscribe[0])
            if self._largest and room < 0:
                break
            part.append(self._to_subscribe.popleft())
        return part

    def _bytes(self, one: str) -> int:
        return len(self._prefix) + len(one.encode()) + 16  # its length and options, and a share of the packet's head

    def _replace_filters(self, wanted: Mapping[str, bool]) -> None:
        self._wanted = dict(wanted)
        self._announced = {one for one, fixed in wanted.items() if not fixed}

    def _unsubscribe(self, client: paho.Client, filters: Sequence[str]) -> None:
        for first in range(0, len(filters), self._packet_size):
            client.unsubscribe([self._prefix + one for one in filters[first:first + self._packet_size]])
