"""What the providers have to do today, with what the transaction under way has already changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.model import Instant, Offer, OfferState, Visit, VisitState
from gateway.model.plan import Draft
from gateway.tickets.dispatch.provider_ranking import IDLE, ProviderDirectory, Workload
from gateway.tickets.dispatch.track_record import TrackRecord

OUT = frozenset((VisitState.EN_ROUTE, VisitState.ON_SITE))


@dataclass
class ProviderLoad:
    """The providers, what each had to do before this transaction, and its track record."""

    directory: ProviderDirectory = field(default_factory=lambda: ProviderDirectory(()))
    before: Mapping[str, Workload] = field(default_factory=dict)
    records: Mapping[str, TrackRecord] = field(default_factory=dict)
    days: Mapping[str, tuple[Instant, Instant]] = field(default_factory=dict)  # zone → its local day, [from, until)

    def now(self, draft: Draft) -> Mapping[str, Workload]:
        """Provider id → its workload with all that `draft` has moved on until now."""
        loads: dict[str, Workload] = {}

        def load(provider_id: str) -> Workload:
            return loads.get(provider_id) or self.before.get(provider_id, IDLE)

        for offer, before in draft.rows(Offer):
            was = before is not None and before["state"] is OfferState.PENDING
            change = (offer.state is OfferState.PENDING) - was
            if change:
                one = load(offer.provider_id)
                lapses = min(one.pending_until or offer.expires_at, offer.expires_at)
                loads[offer.provider_id] = one._replace(pending=one.pending + change, pending_until=lapses)
        for visit, before in draft.rows(Visit):
            one = load(visit.provider_id)
            was_today = before is not None and self._today(visit.provider_id, before["window_from"], before["state"])
            out = [*one.out]
            if before is not None and before["state"] in OUT and visit.technician in out:
                out.remove(visit.technician)
            if visit.state in OUT:
                out.append(visit.technician)
            today = self._today(visit.provider_id, visit.window_from, visit.state)
            loads[visit.provider_id] = one._replace(visits=one.visits + today - was_today, out=tuple(out))
        return {**self.before, **loads} if loads else self.before

    def _today(self, provider_id: str, window_from: Instant, state: VisitState) -> bool:
        if state is VisitState.CANCELLED or provider_id not in self.directory:
            return False
        begins, ends = self.days.get(self.directory[provider_id].timezone, (0, 0))
        return begins <= window_from < ends
