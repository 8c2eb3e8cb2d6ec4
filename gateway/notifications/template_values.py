"""Collects the values that a notification's template may use, current ones before stored ones."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gateway.callbacks.numbers.emergency_numbers import emergency_number
from gateway.callbacks.numbers.telephones import Telephone
from gateway.config.quotas import UNDELIVERED_LISTED
from gateway.config.settings import Branding
from gateway.model import (
    RESIDENTS,
    CallbackKind,
    Cover,
    Instant,
    Notification,
    Price,
    ReasonKind,
    RecipientKind,
    ResolvedBy,
    Site,
    customer,
    person,
)
from gateway.notifications.catalogue import Catalogue, Catalogues
from gateway.notifications.context import NotificationContext, Undelivered
from gateway.notifications.format_values import price, rounded_homes
from gateway.notifications.messages import Facts, topic_name
from gateway.notifications.reasons import reason_sentence
from gateway.notifications.stored_facts import Payer
from gateway.notifications.topics import TOPICS

NUMBERS = 4  # to ring, in one message
_AS_WRITTEN = ("because", "before", "hear_by", "note", "incomplete", "expected_at", "since", "keeps", "visit_state",
               "asked", "photos", "open_offers", "opens_at", "held_until", "word_by", "missed_by", "suspicion",
               "channel", "reached_at", "test_asked_at", "again", "has_gesture", "battery", "next_at", "acted")
_OF_THE_AREA = ("area", "homes", "etr", "answered", "promised", "form", "restoring", "look_by", "near", "seen",
                "can_press", "emergency_button_dead", "we_ring", "after_outage", "what", "seconds", "missing",
                "filters", "sla", "due_at", "policy", "credited_for", "dark_for")

_OURS = (RecipientKind.DISPATCHER, RecipientKind.EMERGENCY, RecipientKind.ON_CALL)
"""Who may read the telephone number of a firm or its people; customers never do, not even in a webhook's data."""


class Signature(NamedTuple):
    """Who signs, and the zone in which the operator's own people read times."""

    service: str
    phone: str
    zone: str
    country: str = ""  # of sites that do not say theirs
    branding: Branding = Branding()


def reader_of(notification: Notification, context: NotificationContext, own_zone: str) -> tuple[str, str, str]:
    """(name, locale, zone) of the person who will read it."""
    if notification.recipient_kind == RecipientKind.CUSTOMER and context.customer:
        household, resident = context.customer, context.reader
        choice = context.choices.get(customer(household.id) if resident is None else person(resident.id))
        zone = (choice.timezone if choice is not None else None) or household.timezone
        locale = (choice.locale if choice is not None else None) or (resident.locale if resident is not None else None)
        return (household if resident is None else resident).name, locale or household.locale, zone
    if notification.recipient_kind == RecipientKind.PROVIDER and context.provider:
        return context.provider.name, context.provider.locale, context.provider.timezone
    if notification.recipient_kind in (RecipientKind.ON_CALL, RecipientKind.PERSON):
        facts = notification.facts
        return (str(facts.get("reader") or notification.recipient_id), str(facts.get("reader_locale") or "en"),
                str(facts.get("reader_zone") or own_zone))
    if notification.recipient_kind == RecipientKind.TECHNICIAN and context.provider:
        name = (context.visit.technician if context.visit else "") or context.provider.name
        return name, context.provider.locale, context.provider.timezone
    return "", "en", own_zone


def facts_of(notification: Notification, context: NotificationContext, now: Instant, link: str, signed: Signature,
             catalogues: Catalogues, **known: Any) -> Facts:
    """Everything the wording of this notification may say to its reader, and nothing it may not. `known`: facts that
    are not in its context."""
    reader, locale, zone = reader_of(notification, context, signed.zone)
    facts, catalogue = notification.facts, catalogues.best_for(locale)
    values: dict[str, Any] = {
        "now": now, "zone": zone, "reader": reader, "link": link, "service": signed.service, "phone": signed.phone,
        "branding": signed.branding,
        "for_customer": notification.recipient_kind == RecipientKind.CUSTOMER,
        "number": str(facts.get("number") or notification.subject_id), "whom": str(facts.get("whom") or ""),
        "why": reason_sentence(facts.get("why") or "", catalogue),
        "unsure": bool(facts.get("unsure")),
        "telephone_only": _is_reason(facts.get("why"), ReasonKind.TELEPHONE_ONLY),
        "device": _what(facts, context, catalogue), "reported": bool(facts.get("reported")),
        "cause": localized_cause(facts.get("cause"), catalogue) or (context.ticket.cause if context.ticket else ""),
        "also": [localized_cause(one, catalogue) for one in facts.get("also") or ()],
        "severity": context.ticket.severity if context.ticket else str(facts.get("severity") or ""),
        "callback_by": context.callback.promised_by if context.callback else facts.get("callback_by"),
        "ring_from": context.callback.ring_from if context.callback else facts.get("ring_from"),
        "presses": context.callback.presses if context.callback else 1, "tries": facts.get("tries", 0),
        "is_check": bool(context.callback and context.callback.kind is CallbackKind.CHECK),
        "urgent": bool(context.callback and context.callback.urgent), "pressed_at": facts.get("pressed_at"),
        "expires_at": context.offer.expires_at if context.offer else facts.get("expires_at"),
        "town": _town(context.site), "answer_by": facts.get("answer_by"), "reason": str(facts.get("reason") or ""),
        "gesture": localized_cause(facts.get("gesture"), catalogue),
        "payers": payer_sentences(facts.get("payers", ()), notification.recipient_kind, catalogue),
        "also_late": facts.get("also_late", ()), "to_ring": facts.get("to_ring", ()),
        "household": str(facts.get("household") or ""), "ring": str(facts.get("ring") or ""),
        "payer_short": payer_in_short(facts.get("payers", ()), catalogue),
        "asked_before": facts.get("turn", 1) > 1, "is_call": context.callback is not None,
    }
    if facts.get("price") is not None:
        asked = Price.read(facts["price"])
        values |= {"price": price(asked, catalogue.locale), "price_plain": price(asked, catalogue.locale, plain=True)}
    values |= {name: facts[name] for name in _OF_THE_AREA + _AS_WRITTEN if facts.get(name) is not None}
    values["watched"] = ", ".join(facts.get("watched", ()))
    values["parts"] = ", ".join(facts.get("parts", ()))
    if notification.recipient_kind == RecipientKind.CUSTOMER and "homes" in values:
        values["homes"] = rounded_homes(values["homes"])  # nobody shall be picked out
    values["emergency_number"] = emergency_number((context.site.country if context.site else "") or signed.country)
    if context.callback is not None and context.callback.emergency:
        values["emergency"] = True
    if context.outage is not None:
        values["etr"] = context.outage.etr_at
    if "told_topic" in facts:
        values["told_topic"] = topic_name(str(facts["told_topic"]), catalogue)
    topic = TOPICS.get(notification.topic)
    if context.telephones:
        known_as = str(facts.get("whom") or "")
        values["telephones"] = telephone_words(context.telephones[:NUMBERS], known_as, catalogue)
    if context.undelivered:
        values |= _undelivered(context.undelivered, catalogue)
    if notification.recipient_kind != RecipientKind.PROVIDER or (topic is not None and topic.is_for_who_goes):
        # a firm that only has an offer may not know whose home it is
        values |= _of_the_home(context) | _of_the_visit(facts, context) | _of_the_end(context)
    if notification.recipient_kind in _OURS and context.visit is not None and context.provider is not None:
        values["provider_phone"] = context.provider.phone
    return Facts(**values | known)


def payer_in_short(payers: Sequence[Payer], catalogue: Catalogue) -> str:
    """Who pays, for a provider's short message: the customer, what they pay for each device, or the warranty."""
    prices = [price(Price.read(payer["price"]), catalogue.locale, plain=True) for payer in payers
              if payer["price"] is not None]
    if prices:
        return catalogue("payer.short.customer", price=" + ".join(prices))
    return catalogue("payer.short.warranty") if any(payer["cover"] == Cover.WARRANTY for payer in payers) else ""


def payer_sentences(payers: Sequence[Payer], reader: RecipientKind, catalogue: Catalogue) -> str:
    """Who pays, as a customer or a provider is told, a line for each device; a customer reads nothing of what nobody
    has said yet."""
    lines = []
    for payer in payers:
        whom = "customer" if reader == RecipientKind.CUSTOMER else "provider"
        if whom == "customer" and payer["cover"] == Cover.UNKNOWN:
            continue
        kind = "agreed" if payer["agreed"] else payer["cover"]
        said = "" if payer["price"] is None else price(Price.read(payer["price"]), catalogue.locale)
        line = catalogue(f"payer.{whom}.{kind}", price=said)
        lines.append(catalogue("payer.of_device", device=payer["device"], payer=line) if len(payers) > 1 else line)
    return "\n".join(lines)


def skill_name(skill: str, catalogue: Catalogue) -> str:
    """What needs that skill, e.g. "heating"; what the catalogue lacks stays as the operator calls it."""
    return catalogue(f"skill.{skill}") if catalogue.has(f"skill.{skill}") else skill.replace("_", " ")


def localized_cause(cause: object, catalogue: Catalogue) -> str:
    """A cause is plain text, or {locale: text}; a language we lack falls back to English."""
    if isinstance(cause, Mapping):
        return str(catalogue.choose(cause))
    return str(cause or "")


def _what(facts: Mapping[str, Any], context: NotificationContext, catalogue: Catalogue) -> str:
    """What it is about: a device, an area, or what a person reported without a device."""
    if context.device is not None:
        return context.device.name
    subject = context.ticket.subject if context.ticket is not None else None
    return str(facts.get("device") or "") if subject is None else skill_name(subject, catalogue)


def _is_reason(stored: object, kind: ReasonKind) -> bool:
    return isinstance(stored, Mapping) and stored.get("reason") == kind


def _undelivered(people: Sequence[Undelivered], catalogue: Catalogue) -> dict[str, Any]:
    """The list as it is now, by name."""
    return {"people": len(people), "undelivered": [{
        "name": one.name, "telephone": telephone_words(one.telephones[:1], one.name, catalogue),
        "what": ", ".join(topic_name(topic, catalogue) for topic in one.topics),
        "why": reason_sentence(one.why.stored(), catalogue) if one.why is not None else "",
    } for one in _listed(people)]}


def _listed(people: Sequence[Undelivered]) -> list[Undelivered]:
    return sorted(people, key=lambda one: one.name)[:UNDELIVERED_LISTED]


def people_whose_numbers(notification: Notification, context: NotificationContext) -> list[str]:
    """By name, once: whose telephone numbers the message quotes."""
    facts = notification.facts
    names = [one.name for one in context.telephones[:NUMBERS]]
    names += [one.telephones[0].name for one in _listed(context.undelivered) if one.telephones]
    names += [str(one["name"]) for one in facts.get("to_ring", ()) if one["telephone"]]
    names += [str(facts.get("household") or "")] if facts.get("ring") else []
    return list(dict.fromkeys(names))


def telephone_words(telephones: Sequence[Telephone], known_as: str, catalogue: Catalogue) -> str:
    """`+41 44 668 18 00, Nina Arber (relative) +41 79 000 00 01`; whoever is named already is not named again."""
    said = []
    for one in telephones:
        role = "" if one.role is None or one.role in RESIDENTS else f" ({catalogue(f'person_role.{one.role}')})"
        said.append(one.shown if one.name == known_as and not role else f"{one.name}{role} {one.shown}".strip())
    return ", ".join(said)


def _of_the_home(context: NotificationContext) -> dict[str, Any]:
    """Of an outage only where it began: many homes are in it."""
    site = context.site
    address = {"address": site.address if site else ""}
    if context.ticket is not None and context.ticket.outage_id is not None:
        return address
    return address | {"customer": context.customer.name if context.customer else "", "site": site.name if site else ""}


def _of_the_visit(facts: Mapping[str, Any], context: NotificationContext) -> dict[str, Any]:
    visit, provider = context.visit, context.provider
    if visit is None:
        known = ("window_from", "window_until", "eta", "technician", "provider")
        return {name: facts[name] for name in known if facts.get(name) is not None}
    firm = provider.name if provider else str(facts.get("provider") or "")
    return {
        "window_from": visit.window_from, "window_until": visit.window_until, "eta": visit.eta,
        "technician": visit.technician, "provider": firm,
        "early": visit.eta is not None and visit.eta < visit.window_from and visit.early_ok_at is None,
    }


def _of_the_end(context: NotificationContext) -> dict[str, Any]:
    ticket = context.ticket
    if ticket is None or ticket.resolved_at is None:
        return {}
    return {"by_itself": ticket.resolved_by == ResolvedBy.TELEMETRY, "resolution": ticket.resolution or "",
            "on_their_word": ticket.resolved_by == ResolvedBy.TECHNICIAN and bool(ticket.reported)}


def _town(site: Site | None) -> str:
    return f"{site.postcode} {site.town}".strip() if site else ""
