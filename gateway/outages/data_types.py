"""The input and output types of outage assessment: Snapshot, DarkSite, Candidate, Verdict, Limits."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.model import DAY, MINUTE, SECOND, AreaKind, Instant, OutageState


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds, each with its reason in docs/detection.md."""

    window: int = 5 * MINUTE
    fewest: int = 3  # homes: two can be a coincidence whatever the arithmetic says
    alpha: float = 1e-6
    burst_level: int = 5  # 32 times as many losses as usual …
    burst_homes: int = 10  # … of at least so many homes (Disco: 10 events)
    wait: int = 3 * SECOND  # for more of it to arrive before it is said
    coincidences: int = 3  # areas that go dark by themselves at the same time; more of them have one cause
    everything: float = 0.8  # of all live homes at once: our own fault comes first
    at_once: int = MINUTE
    prior_losses: float = 3.0  # a home nobody has seen fail yet: three losses …
    prior_time: int = 30 * DAY  # … in a month; also how long a loss is remembered


@dataclass(frozen=True, slots=True)
class DarkSite:
    """A home that is dark: every device of it that can be missed, and was live, is gone."""

    site_id: str
    died_at: Instant  # when the last of them was gone: the broker's word, else when it was last heard
    areas: frozenset[str]  # and all above them
    uncertainty_ms: int = 0  # by so much it may have died later: nobody knows when, between two heartbeats
    silent: bool = False  # found by silence, not by the broker's word
    losses: float = 0.0  # how often it was lost lately, fading
    outage_id: str | None = None  # the open outage that it is a member of


@dataclass(frozen=True, slots=True)
class AreaStats:
    """An area with what is live in it now. `losses`: of the live homes together."""

    id: str
    kind: AreaKind
    parent: str | None
    live: int = 0
    losses: float = 0.0
    children: int = 0  # areas right below it that have homes
    name: str = ""


@dataclass(frozen=True, slots=True)
class OpenOutage:
    """An open outage as it stands."""

    id: str
    area_id: str | None  # None: our own fault
    state: OutageState
    suspected_at: Instant
    last_at: Instant  # the newest death in it
    dark: int
    homes: int
    size: int = 0  # live homes of its area when it began


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All homes that are dark now, the areas they lie in, and the open outages."""

    homes: tuple[DarkSite, ...]
    areas: dict[str, AreaStats]  # every area that one of the homes hangs in
    live: int  # homes everywhere
    heard_at: Instant | None = None  # when a live home was last heard
    open: tuple[OpenOutage, ...] = ()
    lowest: dict[str, frozenset[str]] = field(default_factory=dict)  # site id → the areas it hangs in itself


class Candidate(NamedTuple):
    """An area that explains homes gone dark, with the arithmetic."""

    area: AreaStats | None  # None: the gateway itself is the likeliest cause
    homes: tuple[DarkSite, ...]
    k: int
    n: int
    p: float  # that one home is lost by chance within the window
    p_value: float
    since: Instant  # the window
    until: Instant
    how: str  # share | burst | everything

    @property
    def key(self) -> str:
        return self.area.id if self.area is not None else "!gateway"

    def evidence(self) -> dict[str, Any]:
        """For the row and the API: plain numbers."""
        return {"k": self.k, "n": self.n, "p": self.p, "p_value": self.p_value, "since": self.since,
                "until": self.until, "how": self.how, "found_by_silence": sum(home.silent for home in self.homes)}


class Verdict(NamedTuple):
    """`candidate` belongs to the open outage `outage_id` (None: a new one), which takes over those in `absorbs`.

    `ends`: suspicions of larger areas that it explains better, perhaps together with others.
    """

    candidate: Candidate
    outage_id: str | None
    absorbs: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
