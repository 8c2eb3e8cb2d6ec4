"""From rows to the plain values a message may use: what is true now comes before what was true when it was written."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.emergency_numbers import emergency_number
from gateway.model import Instant, Notification, Site
from gateway.notifications.catalogue import Catalogues
from gateway.reaching import Case
from gateway.wording import Facts, topic_name
from gateway.wording.counts import roughly

_OF_THE_AREA = ("area", "homes", "etr", "answered", "after_outage", "what", "seconds", "missing",
                "filters")


class Signature(NamedTuple):
    """Who signs, and the zone in which the operator's own people read times."""

    service: str
    phone: str
    zone: str
    country: str = ""  # of sites that do not say theirs


def reader_of(notification: Notification, case: Case, own_zone: str) -> tuple[str, str, str]:
    """(name, locale, zone) of the person who will read it."""
    if notification.recipient.startswith("customer/") and case.customer:
        return case.customer.name, case.customer.locale, case.customer.timezone
    if notification.recipient.startswith("provider/") and case.provider:
        return case.provider.name, case.provider.locale, case.provider.timezone
    return "", "en", own_zone


def facts_of(notification: Notification, case: Case, now: Instant, link: str, signed: Signature, catalogues: Catalogues
             ) -> Facts:
    """Everything the wording of this notification may say to its reader, and nothing it may not."""
    reader, locale, zone = reader_of(notification, case, signed.zone)
    about = notification.about
    of_an_area = case.ticket is not None and case.ticket.outage_id is not None
    values: dict[str, Any] = {
        "now": now, "zone": zone, "reader": reader, "link": link, "service": signed.service, "phone": signed.phone,
        "number": notification.subject_id, "whom": str(about.get("whom") or ""), "why": str(about.get("why") or ""),
        "unsure": bool(about.get("unsure")),
        "device": case.device.name if case.device and not of_an_area else str(about.get("device") or ""),
        "cause": cause_in(about.get("cause"), locale) or (case.ticket.cause if case.ticket else ""),
        "severity": case.ticket.severity if case.ticket else str(about.get("severity") or ""),
        "callback_by": case.callback.promised_by if case.callback else about.get("callback_by"),
        "urgent": bool(case.callback and case.callback.urgent), "pressed_at": about.get("pressed_at"),
        "expires_at": case.offer.expires_at if case.offer else about.get("expires_at"),
        "town": _town(case.site),
    }
    values |= {name: about[name] for name in _OF_THE_AREA if about.get(name) is not None}
    if notification.recipient.startswith("customer/") and "homes" in values:
        values["homes"] = roughly(values["homes"])  # nobody shall be picked out
    if case.callback is not None and case.callback.emergency:
        country = (case.site.country if case.site else "") or signed.country
        values |= {"emergency": True, "emergency_number": emergency_number(country)}
    if case.outage is not None:
        values["etr"] = case.outage.etr_at
    if "told_topic" in about:
        values["told_topic"] = topic_name(str(about["told_topic"]), catalogues.best_for(locale))
    if not notification.recipient.startswith("provider/"):  # a firm that only has an offer may not know whose home
        values |= _of_the_home(case) | _of_the_visit(about, case) | _of_the_end(case)
    return Facts(**values)


def cause_in(cause: object, locale: str) -> str:
    """A cause is plain text, or {locale: text}; a language we lack falls back to English."""
    if isinstance(cause, Mapping):
        return str(cause.get(locale) or cause.get("en") or next(iter(cause.values()), ""))
    return str(cause or "")


def _of_the_home(case: Case) -> dict[str, Any]:
    site = case.site
    return {
        "customer": case.customer.name if case.customer else "",
        "site": site.name if site else "",
        "address": ", ".join(part for part in (site.street, _town(site)) if part) if site else "",
    }


def _of_the_visit(about: Mapping[str, Any], case: Case) -> dict[str, Any]:
    visit, provider = case.visit, case.provider
    if visit is None:
        known = ("window_from", "window_until", "eta", "technician", "provider")
        return {name: about[name] for name in known if about.get(name) is not None}
    firm = provider.name if provider else str(about.get("provider") or "")
    return {
        "window_from": visit.window_from, "window_until": visit.window_until, "eta": visit.eta,
        "technician": visit.technician, "provider": firm, "provider_phone": provider.phone if provider else "",
    }


def _of_the_end(case: Case) -> dict[str, Any]:
    ticket = case.ticket
    if ticket is None or ticket.resolved_at is None:
        return {}
    return {"by_itself": ticket.resolved_by == "telemetry", "resolution": ticket.resolution or ""}


def _town(site: Site | None) -> str:
    return f"{site.postcode} {site.town}".strip() if site else ""
