"""The Gateway: the store, profiles, dialects and caches that every verb works on; built once."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

from gateway.config.settings import Settings
from gateway.devices.dialects import Dialect, DialectRegistry, understand
from gateway.devices.profiles import Profile
from gateway.flow.messages.attempts import AttemptsInProgress
from gateway.flow.visits.positions import Positions
from gateway.model import Instant, new_id
from gateway.model.signals import Request
from gateway.notifications.catalogues import messages
from gateway.notifications.channels import Channel
from gateway.notifications.messages import MessageRenderer
from gateway.store import Conflict, Store
from gateway.store.devices.kept_states import KeptStates
from gateway.tickets.context import Policy
from gateway.tickets.sla.policy import SlaPolicies

TRIES = 8  # a conflict means that another worker was first; nine in a row mean something else is wrong
T = TypeVar("T")


@dataclass
class Gateway:
    """Everything the verbs need, put together once in app/main.py."""

    settings: Settings
    store: Store
    profiles: dict[str, Profile]
    channels: dict[str, Channel]
    outbox_filled: Event = field(default_factory=Event)  # set after a commit that may have written notifications
    commands_filled: Event = field(default_factory=Event)  # … commands for devices
    # messages handed to a channel whose outcome is not stored yet
    attempts_in_progress: AttemptsInProgress = field(default_factory=AttemptsInProgress)
    messages: MessageRenderer = field(default_factory=messages)  # renders notifications
    mapped: tuple[Dialect, ...] = ()  # the operator's own mappings
    sla: SlaPolicies = field(default_factory=SlaPolicies)  # what is promised by when
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=1000))  # to publish soon, or never
    positions: Positions = field(default_factory=Positions, repr=False)  # of technicians on the way; kept nowhere else
    dialects: DialectRegistry = field(init=False)
    states: KeptStates = field(default_factory=KeptStates)  # of the devices that were heard lately
    announcements: dict[str, int] = field(default_factory=dict)  # topic → checksum of what was announced there
    routes_change: int = 0  # the newest change of announced topics that `dialects` knows
    watched_at: Instant | None = None  # the watch last looked then; None: not since the start
    clock_jumped_at: Instant = 0  # our clock last jumped then; a silence before it proves nothing

    def __post_init__(self) -> None:
        if self.settings.mqtt.share:  # another process writes the same ones all the time
            self.states = KeptStates(room=0)
        self.dialects = understand(self.settings.dialects, self.mapped)

    @property
    def scheduled(self) -> bool:
        """Whether some rule keeps hours, on the clock of each site."""
        return any(profile.scheduled for profile in self.profiles.values())

    @property
    def policy(self) -> Policy:
        return Policy(self.settings.service, new_id, self.profiles, self.messages.catalogues, self.sla,
                      self.settings.on_call, self.settings.goodwill)


def retry_on_conflict(work: Callable[[], T]) -> T:
    """Runs `work` again, TRIES times at most, when another worker changed the same rows first. Raises Conflict then."""
    for _ in range(TRIES):
        try:
            return work()
        except Conflict:
            continue
    return work()
