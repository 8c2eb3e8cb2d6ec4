"""Routes of the page on which a person chooses what they are sent, and of the one click with which a mail program ends
what it can."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, NamedTuple

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel

from gateway.config.field_types import LOCALES
from gateway.flow.customers import contact_codes
from gateway.flow.customers import preferences as flow
from gateway.flow.customers.preferences import Opened
from gateway.flow.gateway import Gateway
from gateway.model import Contact, Instant, TopicGroup
from gateway.model.plan import NoSuch
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_values import locale_name
from gateway.notifications.preferences.choose import MUTABLE, Given, Unclear, masked, read_choice
from gateway.notifications.preferences.codes import CodeResult, can_be_typed
from gateway.notifications.preferences.links import EVERYTHING
from gateway.notifications.preferences.wanted import BY_THEMSELVES
from gateway.store import Conflict
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import LinkInvalid, Render
from gateway.web.pages.technician.form_errors import FormError
from gateway.web.pages.templates import Renderer
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
LANGUAGES = {locale: locale_name(locale) for locale in LOCALES}
_SAID = ("saved", "quiet_off", "order", "contact_stopped", "contact_back", "stopped", "resumed", "code_sent",
         "code_right")


class PreferencesForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    contact: str = ""
    channel: str = ""
    address: str = ""
    code: str = ""
    amount: str = ""
    digest_at: str = ""
    groups: list[str] = []
    locale: str = ""
    quiet: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    timezone: str = ""
    first_faults: str = ""
    first_visits: str = ""
    first_surveys: str = ""
    first_maintenance: str = ""
    yearly: str = ""

    @property
    def given(self) -> Given:
        return Given(self.amount, self.digest_at, self.groups, self.locale, self.quiet, self.quiet_from.strip(),
                     self.quiet_until.strip(), self.timezone.strip(),
                     {str(group): getattr(self, f"first_{group}") for group in MUTABLE}, self.yearly)


class ShownContact(NamedTuple):
    """A way to reach them, as their page shows it."""

    id: str
    channel: str
    address: str  # masked
    in_use: bool
    theirs_to_use_again: bool  # they stopped it themselves; else it did not work


@router.api_route("/m/{token}", methods=["GET", "HEAD"])
def preferences(gw: Gw, now: Now, render: Render, token: str, said: str = "") -> HTMLResponse:
    """`said`: what has just been done."""
    found, words = _open(gw, token, now)
    return _page(gw, render, words, found, token, said=said if said in _SAID else "")


@router.post("/m/{token}")
def change(gw: Gw, now: Now, render: Render, request: Request, token: str, given: Annotated[PreferencesForm, Form()]
           ) -> Response:
    """Each change is confirmed on the page. The same tap twice has the same answer; what was typed is kept when it
    cannot be used."""
    found, words = _open(gw, token, now)
    try:
        said = _act(gw, token, given, found, now, request.client.host if request.client is not None else "")
    except Unclear as unclear:
        error = FormError(422, words(unclear.sentence), unclear.field)
        typed = given.model_dump(include={"channel", "address"})
        in_codes = given.act in ("ask_code", "enter_code")
        return _page(gw, render, words, found, token, given=None if in_codes else given.given, error=error,
                     typed=typed if in_codes else {})
    except (NoSuch, Conflict):
        error = FormError(409, words("page.answered_already"))
        return _page(gw, render, words, found, token, error=error)
    if said == "ended":
        return render.page("preferences_over.html", words, said="page.preferences.ended")
    return RedirectResponse(f"{render.root}/m/{token}?said={said}", 303)


@router.api_route("/m/{token}/stop/{group}", methods=["GET", "HEAD"])
def before_stop(gw: Gw, now: Now, render: Render, token: str, group: str) -> HTMLResponse:
    """Only a page: programs that look at links in mails must not change anything."""
    _, words = _open(gw, token, now)
    return render.page("preferences_stop.html", words, token=token, group=_group(group), done=False)


@router.post("/m/{token}/stop/{group}")
def stop(gw: Gw, now: Now, render: Render, token: str, group: str) -> HTMLResponse:
    """RFC 8058: it is done at once, for whoever posts it, and as often as they like."""
    _, words = _open(gw, token, now)
    wanted = _group(group)
    try:
        flow.mute(gw, token, wanted, now)
    except NoSuch:
        raise LinkInvalid from None
    return render.page("preferences_stop.html", words, token=token, group=wanted, done=True)


def _act(gw: Gateway, token: str, given: PreferencesForm, found: Opened, now: Instant, network: str) -> str:
    """What the page says then. Raises Unclear, NoSuch and LinkInvalid."""
    match given.act:
        case "choose":
            chosen = read_choice(given.given, LANGUAGES, {one.id for one in found.contacts})
            flow.choose(gw, token, chosen, now)
            return "quiet_off" if given.quiet == "own" and chosen.has_no_quiet_hours else "saved"
        case "up" | "down":
            flow.reorder(gw, token, given.contact, given.act == "up", now)
            return "order"
        case "stop_contact" | "use_contact":
            flow.use_contact(gw, token, given.contact, given.act == "use_contact", now)
            return "contact_back" if given.act == "use_contact" else "contact_stopped"
        case "stop" | "resume":
            flow.stop_all(gw, token, given.act == "stop", now)
            return "stopped" if given.act == "stop" else "resumed"
        case "ask_code":
            return _said(contact_codes.ask_code(gw, token, given.channel, given.address, now, network), "address")
        case "enter_code":
            return _said(contact_codes.enter_code(gw, token, given.code, now), "code")
        case "end":
            flow.end_links(gw, token, now)
            return "ended"
    raise LinkInvalid


def _said(result: CodeResult, field: str) -> str:
    if result in (CodeResult.SENT, CodeResult.RIGHT):
        return f"code_{result}"
    raise Unclear(f"page.preferences.code.{result}", field)


def _open(gw: Gateway, token: str, now: Instant) -> tuple[Opened, Catalogue]:
    with gw.store.read() as session:
        found = flow.opened(session, gw, token, now)
    if found is None:
        raise LinkInvalid
    person = found.person.locale if found.person is not None else None
    return found, catalogue_for(found.choice.locale or person or found.household.locale)


def _group(name: str) -> TopicGroup | None:
    """None: of all of them. Raises LinkInvalid."""
    if name == EVERYTHING:
        return None
    if name not in (*MUTABLE, TopicGroup.WELL):
        raise LinkInvalid
    return TopicGroup(name)


def _page(gw: Gateway, render: Renderer, words: Catalogue, found: Opened, token: str, *, said: str = "",
          given: Given | None = None, error: FormError | None = None, typed: Mapping[str, str] = MappingProxyType({})
          ) -> HTMLResponse:
    return render.page(
        "preferences.html", words, error.status if error is not None else 200, token=token, name=found.name,
        choice=found.choice, given=given or _as_given(found), error=error, said=said, groups=MUTABLE,
        contacts=[_shown(one) for one in found.contacts], languages=LANGUAGES, household=found.household,
        typed={"channel": "", "address": "", **typed}, channels=[one for one in gw.channels if can_be_typed(one)])


def _as_given(found: Opened) -> Given:
    choice, household = found.choice, found.household
    quiet = ("household" if not choice.own_quiet else "own" if choice.quiet_from else "none")
    begins, ends = (choice.quiet_from, choice.quiet_until) if choice.own_quiet else (
        household.quiet_from, household.quiet_until)
    return Given(choice.amount, choice.digest_at, [one for one in MUTABLE if one not in choice.muted],
                 choice.locale or "", quiet, begins or "22:00", ends or "07:00", choice.timezone or "",
                 choice.first_for, "yes" if choice.yearly else "")


def _shown(contact: Contact) -> ShownContact:
    return ShownContact(contact.id, contact.channel, masked(contact), contact.stopped_at is None,
                        contact.stopped_why == BY_THEMSELVES)
