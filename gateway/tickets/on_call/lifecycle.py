"""Life cycle of a page of somebody on call: every transition, and by when the next person is asked."""

from enum import StrEnum

from gateway.model import Instant, OnCallPage, PageState
from gateway.model.lifecycle import Duty, after
from gateway.model.states import Responsible


class Action(StrEnum):
    """What happens to a page."""

    PAGE = "page"
    """The next person is asked."""
    ACKNOWLEDGE = "acknowledge"
    """Somebody says that they see to it, or still do."""
    LAPSE = "lapse"
    """That was long ago, and its reason still holds: others are asked again."""
    RAISE = "raise"
    """There is one more reason, or it has become urgent: who sees to it is asked again, like all others."""
    END = "end"
    """None of its reasons holds any more."""


OPEN = frozenset((PageState.PAGING, PageState.ACKNOWLEDGED))  # `next_at` says when it is looked at again

TRANSITIONS: dict[tuple[PageState, Action], PageState] = {
    (PageState.PAGING, Action.PAGE): PageState.PAGING,
    (PageState.PAGING, Action.RAISE): PageState.PAGING,
    (PageState.PAGING, Action.ACKNOWLEDGE): PageState.ACKNOWLEDGED,
    (PageState.ACKNOWLEDGED, Action.ACKNOWLEDGE): PageState.ACKNOWLEDGED,
    (PageState.ACKNOWLEDGED, Action.LAPSE): PageState.PAGING,
    (PageState.ACKNOWLEDGED, Action.RAISE): PageState.PAGING,
    **{(state, Action.END): PageState.ENDED for state in OPEN},
}

DUTIES: dict[PageState, Duty] = {
    PageState.PAGING: Duty(Responsible.DISPATCHER, "somebody acknowledges, or the next person is paged",
                           "on_call_page.next_at"),
    PageState.ACKNOWLEDGED: Duty(Responsible.DISPATCHER, "it is settled, or the acknowledgement lapses",
                                 "on_call_page.next_at"),
}


def move(page: OnCallPage, action: Action, now: Instant, next_at: Instant | None = None) -> None:
    """The one place that writes a page's state, and the times that go with it. `next_at` is when it is looked at again
    while it is open. Raises Refused."""
    page.state = after(TRANSITIONS, page.state, action, "page", page.id)
    page.next_at = next_at
    match action:
        case Action.ACKNOWLEDGE:
            page.acknowledged_at = now
        case Action.LAPSE | Action.RAISE:
            page.acknowledged_at = page.acknowledged_by = page.paged = None  # from the first person on
        case Action.END:
            page.closed_at = now
