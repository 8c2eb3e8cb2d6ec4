"""OutageChanges: opens an outage, adds its homes, and writes its rows and notifications."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.model import (
    DISPATCHER,
    EntryKind,
    Instant,
    LinkPurpose,
    Notification,
    Outage,
    OutageKind,
    OutageMember,
    SuppressedBy,
    Suppressor,
    customer,
)
from gateway.model.row import unwatched
from gateway.notifications.topics import TopicName
from gateway.outages import Candidate, DarkSite, Limits
from gateway.outages.context import OutageContext
from gateway.outages.homes.devices import emergency_button_is_dead, is_rung_first
from gateway.outages.lifecycle import MemberAction, move_member
from gateway.tickets.context import Policy
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify

RESTORED_AFTER = 60_000  # ms a home must stay back before we say so


@dataclass
class OutageChanges:
    """What one run of the watch changes: helpers that change the rows of `context` and add new ones to its draft."""

    context: OutageContext
    policy: Policy
    limits: Limits
    now: Instant

    def add_entry(self, outage: Outage, kind: EntryKind, evidence: dict[str, Any] | None = None,
                  **parameters: Any) -> None:
        """Adds a line to its timeline."""
        self.context.draft.add(entry(outage, self.now, kind, evidence=evidence, **parameters))

    def open(self, candidate: Candidate) -> Outage:
        """Opens a suspected outage for the area that explains the dark homes."""
        area, homes = candidate.area, candidate.homes
        first = min(homes, key=lambda home: (home.died_at, home.site_id))
        outage = Outage(
            id=self.policy.new_id("X"), key=candidate.key, area_id=area.id if area else None,
            name=area.name or area.id if area else "", kind=OutageKind(area.kind) if area else OutageKind.GATEWAY,
            site_id=first.site_id, size=candidate.n, began_at=first.died_at, last_at=first.died_at,
            suspected_at=self.now, next_at=self.now + self.limits.wait, evidence=candidate.evidence())
        self.context.outages[outage.id] = outage
        self.context.draft.add(outage)
        return outage

    def add_homes(self, outage: Outage, homes: Iterable[DarkSite]) -> list[OutageMember]:
        """Makes `homes` members, or members again; their own alarms wait. Returns those that are new or dark again."""
        members = self.context.members.setdefault(outage.id, {})
        joined, new = [], 0
        for home in homes:
            member = members.get(home.site_id)
            if member is None:
                member = unwatched(
                    OutageMember, id=f"{outage.id}/{home.site_id}", outage_id=outage.id, site_id=home.site_id,
                    died_at=home.died_at, customer_id=self.context.customers[home.site_id], joined_at=self.now)
                members[home.site_id] = member
                self.context.draft.add(member)
                new += 1
            elif member.back_at is None:
                continue
            else:
                again = self.now - member.back_at >= RESTORED_AFTER  # sooner, nobody was told that it was back
                move_member(member, MemberAction.RELAPSE, self.now)
                member.died_at, member.round = home.died_at, member.round + again
            joined.append(member)
            self._suppress_alarms(outage, home.site_id)
        if joined:
            outage.homes += new
            outage.dark += len(joined)
            outage.last_at = max(outage.last_at, *(member.died_at for member in joined))
        return joined

    def notify_customers(self, outage: Outage, members: Iterable[OutageMember]) -> int:
        """One message each, whatever number of homes they have in it. Returns how many."""
        notified = self.context.notified.setdefault(outage.id, {})
        count = 0
        members = list(members)
        needy = self._needy(members)
        for member in members:
            recipient = member.customer_id
            if recipient not in notified or member.round > 1:
                if recipient in notified and notified[recipient].occurrence == str(member.round):
                    continue
                row = notify(self.policy, customer(member.customer_id), TopicName.OUTAGE, outage, member.round,
                             self.now, heard_at=self.now,
                             facts={"area": outage.name, "etr": outage.etr_at, "homes": outage.homes,
                                    **needy.get(recipient, {})},
                             link_id=self.page_link(notified.get(recipient), outage, member.site_id))
                notified[recipient] = row
                self.context.draft.add(row)
                count += 1
        return count

    def _needy(self, members: Iterable[OutageMember]) -> dict[str, dict[str, bool]]:
        """Customer → what more they read, because one of their homes is rung first."""
        said: dict[str, dict[str, bool]] = {}
        for member in members:
            home, profiles = self.context.needy.get(member.site_id), self.policy.profiles
            if home is None or not is_rung_first(home.needs, home.devices, profiles, member.died_at):
                continue
            one = said.setdefault(member.customer_id, {"emergency_button_dead": False, "we_ring": False})
            one["emergency_button_dead"] |= emergency_button_is_dead(home.needs, home.devices, profiles, member.died_at)
            one["we_ring"] |= bool(home.telephone)
        return said

    def page_link(self, before: Notification | None, outage: Outage, site_id: str) -> str:
        """The link to this customer's page of the outage: one, whatever is told of it later."""
        if before is not None and before.link_id is not None:
            return before.link_id
        page = link(self.policy, LinkPurpose.FOLLOW, outage, self.now, self.now + FOLLOW_FOR, site_id)
        self.context.draft.add(page)
        return page.id

    def notify_operator(self, outage: Outage, topic: TopicName, **facts: Any) -> None:
        self.context.draft.add(notify(
            self.policy, DISPATCHER, topic, outage, outage.round, self.now, heard_at=self.now,
            facts={"area": outage.name, "kind": outage.kind, "homes": outage.homes, **facts}))

    def release(self, outage: Outage, sites: Iterable[str], nested: bool) -> None:
        """The alarms of these homes speak for themselves again, from now on; those of nested ones name the outage."""
        by = Suppressor(SuppressedBy.OUTAGE, outage.id)
        for site in sites:
            for alarm in self.context.alarms.get(site, []):
                if alarm.suppressed_by == by and alarm.suppressed_until is None:
                    alarm.suppress(by if nested else None, self.now)

    def _suppress_alarms(self, outage: Outage, site: str) -> None:
        for alarm in self.context.alarms.get(site, []):
            alarm.suppress(Suppressor(SuppressedBy.OUTAGE, outage.id), None)
