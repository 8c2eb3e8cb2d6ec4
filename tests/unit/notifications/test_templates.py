"""What people read: every topic in every language, its length, its times, and what it must not contain."""

import re
from dataclasses import replace
from itertools import product

import pytest
from jinja2 import UndefinedError

from gateway.model import (
    DAY,
    DISPATCHER,
    HOUR,
    MINUTE,
    Customer,
    Device,
    Instant,
    Notification,
    Offer,
    Provider,
    Recipient,
    RecipientKind,
    Severity,
    Site,
    Ticket,
    Visit,
    customer,
    from_iso,
    provider,
)
from gateway.notifications.catalogues import catalogue_for, catalogues, messages
from gateway.notifications.context import NotificationContext
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.messages import Facts, Message, to_gsm_characters, topic_name
from gateway.notifications.template_values import Signature, facts_of, localized_cause
from gateway.notifications.topics import TOPICS, TopicName
from gateway.notifications.wording.sandbox import clip
from tests.fixtures import outbox_rows
from tests.fixtures.any_facts import every_fact

NOW = from_iso("2026-11-23T10:00:00+01:00")
LINK = "https://service.example/f/L-4F7QK2M9.abcdefghijklmnopqrstuvwxyz0"
FACTS = Facts(
    now=NOW, zone="Europe/Zurich", reader="Alice Keller", customer="Alice Keller", site="Alice's house",
    address="Lindenweg 1, 8001 Wiesental", town="8001 Wiesental", device="Heat pump",
    cause="the flow temperature is above 60 °C – too hot", severity="critical", number="T-4F7QK2M9",
    window_from=NOW + 2 * HOUR, window_until=NOW + 6 * HOUR, eta=NOW + 40 * MINUTE, technician="Karin Kunz",
    provider="Kunz Heating", callback_by=NOW + HOUR, expires_at=NOW + 10 * MINUTE, resolution="Valve replaced",
    link=LINK, service="Wiesental Service", phone="+41 44 668 18 00", whom="Alice Keller", told_topic="fault found",
    hear_by=NOW + 30 * MINUTE, note="Valve replaced", parts="three-way valve", expected_at=NOW + 2 * DAY,
    why="every contact refused", reached_at="a…@example.com", watched="Heat pump", code="123456",
    people=2, undelivered=[
        {"name": "Alice Keller", "telephone": "+41790000001", "what": "power cut", "why": "no contact"},
        {"name": "Bob Brunner", "telephone": "", "what": "power cut, power is back", "why": "every contact refused"}],
    area="Feeder 7", homes=40, etr=NOW + HOUR, what="carrier", seconds=90,
    payers="You pay a call-out price of €95.00, as agreed.", price="€95.00", price_plain="EUR 95.00",
    answer_by=NOW + 4 * HOUR,
    sla="first_response", due_at=NOW + 2 * HOUR, policy="standard@3f9c01de", reason="nobody_left",
)
# GSM 03.38: the basic set; these cost two: ^{}\[~]|€
GSM = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
          "abcdefghijklmnopqrstuvwxyzäöñüà")
BEYOND_GSM = {"hi"}  # written in other letters: a part of an SMS holds 70 of them
EVERY = [(topic, locale) for topic in TopicName for locale in catalogues().locales]


def word(topic: str, locale: str, facts: Facts) -> Message:
    return messages().word(topic, locale, facts)


def said_in(locale: str, now: Instant = NOW, zone: str = "Europe/Zurich") -> TimeFormat:
    return TimeFormat(catalogue_for(locale), zone, now)


@pytest.mark.parametrize(("topic", "locale"), EVERY)
def test_every_message_has_all_its_forms(topic: str, locale: str) -> None:
    message = word(topic, locale, FACTS)
    assert message.subject
    assert "\n" not in message.subject
    assert FACTS.number in message.subject
    assert FACTS.number in message.short
    assert FACTS.number in message.long_text
    for form in (message.short, message.long_text, message.long_html):
        assert LINK in form
    assert "\n\n\n" not in message.long_text
    assert "{{" not in message.long_html


@pytest.mark.parametrize(("topic", "locale"), EVERY)
def test_a_text_message_fits_one_sms_before_its_link(topic: str, locale: str) -> None:
    short = word(topic, locale, FACTS).short.removesuffix(LINK).strip()
    assert len(short) <= 160
    assert locale in BEYOND_GSM or set(short) <= GSM


@pytest.mark.parametrize(("topic", "locale"), EVERY)
def test_a_call_for_help_what_is_unsure_and_a_second_copy_can_all_be_said_at_once(topic: str, locale: str) -> None:
    for emergency, unsure, second, on_call in product((False, True), repeat=4):
        message = word(topic, locale, replace(
            FACTS, emergency=emergency, emergency_number="112" if emergency else "", unsure=unsure,
            may_be_second=second, pressed_at=NOW,
            whom="number 1 of service.emergency" if on_call else FACTS.whom))
        short = message.short.removesuffix(LINK).strip()
        assert FACTS.number in message.subject
        assert FACTS.number in short
        assert len(short) <= 200
        assert locale in BEYOND_GSM or set(short) <= GSM
        assert "\n\n\n" not in message.long_text
        marks = ".," if locale == "fr" else ".,;:"  # French has a space before the others
        assert not re.search(rf"  |\{{\{{|\( *\)| [{marks}]", message.long_text + message.subject + short)


@pytest.mark.parametrize(("topic", "locale"), EVERY)
def test_long_names_and_causes_are_cut_and_still_fit(topic: str, locale: str) -> None:
    many = replace(FACTS, device="Luftwärmepumpe im Keller des Nebengebäudes", cause="sehr lang " * 20,
                   technician="Maximiliane von und zu Hohenstein-Wiesental", town="8001 Oberwiesental an der langen Au")
    assert len(word(topic, locale, many).short.removesuffix(LINK).strip()) <= 200


@pytest.mark.parametrize(("topic", "locale"), EVERY)
def test_a_message_can_be_worded_without_what_is_often_not_known(topic: str, locale: str) -> None:
    bare = replace(FACTS, eta=None, technician="", phone="", link="", site="", resolution="", reader="")
    message = word(topic, locale, bare)
    assert "None" not in message.short + message.long_text
    assert "href" not in message.long_html


def test_german_people_read_german_and_others_english() -> None:
    assert "Störung" in word("fault_found", "de", FACTS).subject
    assert word("fault_found", "eo", FACTS) == word("fault_found", "en", FACTS)


def test_a_customer_reads_what_happened_what_we_do_and_when_they_hear_again() -> None:
    text = word("fault_found", "en", FACTS).long_text
    assert "the flow temperature is above 60 °C" in text
    assert "asking local technicians now" in text
    assert "write again as soon as one has accepted" in text
    assert "call us at once: +41 44 668 18 00" in text


def test_a_calm_fault_is_not_made_to_sound_dangerous() -> None:
    assert "at once" not in word("fault_found", "en", replace(FACTS, severity="minor")).long_text


def test_a_fault_that_went_away_thanks_nobody() -> None:
    assert "Nobody needs to come" in word("resolved", "en", replace(FACTS, by_itself=True)).long_text
    fixed = word("resolved", "en", FACTS).long_text
    assert "thanks to Karin Kunz" in fixed
    assert "Valve replaced" in fixed


def test_the_html_mail_cannot_be_broken_by_a_name() -> None:
    evil = replace(FACTS, reader="<script>alert(1)</script>", device='"><img src=x>')
    message = word("fault_found", "en", evil)
    assert "<script>" not in message.long_html
    assert "<img" not in message.long_html
    assert "<script>" in message.long_text


def test_a_name_is_text_and_never_a_template() -> None:
    assert "{{ 7*7 }}" in word("fault_found", "en", replace(FACTS, device="{{ 7*7 }}")).long_text


def test_a_line_break_in_a_name_cannot_reach_the_subject() -> None:
    assert "\n" not in word("fault_found", "en", replace(FACTS, device="Pump\nBcc: eve@example.com")).subject


def test_a_missing_time_is_an_error_and_not_a_message_that_says_nothing() -> None:
    with pytest.raises((TypeError, UndefinedError)):
        word("callback_scheduled", "en", replace(FACTS, callback_by=None))


def test_an_unknown_topic_is_named() -> None:
    with pytest.raises(KeyError, match="no wording for topic 'party'"):
        word("party", "en", FACTS)


def test_a_machine_gets_the_same_facts() -> None:
    message = word("technician_assigned", "en", FACTS)
    assert (message.topic, message.at) == ("technician_assigned", "2026-11-23T09:00:00.000Z")
    assert message.data["window_from"] == "2026-11-23T11:00:00.000Z"
    assert "urgent" not in message.data


@pytest.mark.parametrize(("at", "english", "german"), [
    (NOW + 4 * HOUR + 30 * MINUTE, "14:30 today", "heute 14:30"),
    (NOW + 22 * HOUR, "08:00 tomorrow", "morgen 08:00"),
    (NOW + 7 * DAY - 2 * HOUR, "Mon 30 Nov, 08:00", "Mo., 30. Nov., 08:00"),
])
def test_times_are_said_as_people_say_them(at: Instant, english: str, german: str) -> None:
    assert said_in("en").when(at) == english
    assert said_in("de").when(at) == german


def test_a_time_is_the_readers_own() -> None:
    assert said_in("en", zone="America/New_York").when(NOW) == "04:00 today"


def test_a_window_says_its_day_once_unless_it_crosses_midnight() -> None:
    begin = from_iso("2026-11-30T08:00:00+01:00")
    assert said_in("en").span(begin, begin + 4 * HOUR) == "Mon 30 Nov, 08:00–12:00"
    assert said_in("en").span(begin + 14 * HOUR, begin + 18 * HOUR) == "Mon 30 Nov, 22:00 – Tue 1 Dec, 02:00"


@pytest.mark.parametrize(("length", "english", "german"), [
    (400, "0.4 s", "0,4 s"), (90_000, "1 min 30 s", "1 Min. 30 s"), (10 * MINUTE, "10 min", "10 Min."),
    (2 * HOUR + 5 * MINUTE, "2 h 5 min", "2 h 5 Min."), (DAY, "1 day", "1 Tag"),
    (2 * DAY + 3 * HOUR + MINUTE, "2 days 3 h", "2 Tage 3 h"),
])
def test_a_duration_is_said_in_at_most_two_units(length: int, english: str, german: str) -> None:
    assert said_in("en").duration(length) == english
    assert said_in("de").duration(length) == german


def test_an_exact_time_says_how_long_it_is_from_now_and_its_year_when_it_is_another() -> None:
    assert said_in("en").ago(NOW - 2 * HOUR) == "Mon 23 Nov 08:00:00 (2 h ago)"
    assert said_in("de").ago(NOW + 5 * MINUTE) == "Mo., 23. Nov. 10:05:00 (in 5 Min.)"
    assert said_in("en").exact(NOW - 400 * DAY) == "Sun 19 Oct 2025 11:00:00"


def test_tomorrow_is_a_calendar_day_also_when_the_clocks_change() -> None:
    before = from_iso("2026-10-24T23:30:00+02:00")  # the night that has 25 hours
    assert said_in("en", now=before).when(before + 25 * HOUR) == "23:30 tomorrow"


def test_typography_becomes_plain_for_sms() -> None:
    assert to_gsm_characters("08:00–12:00 “ok” … 60 °C") == '08:00-12:00 "ok" ... 60 C'
    assert to_gsm_characters("«\u00a0ok\u00a0», c’est fait\u202f!") == '"ok", c\'est fait !'
    assert to_gsm_characters("¿Está en camino? Mañana a más tardar; être là, Ça va, Größe") == (
        "¿Esta en camino? Mañana a mas tardar; etre là, Ça va, Größe")


def test_a_cut_is_made_at_a_word() -> None:
    assert clip("the flow temperature is far too high", 25) == "the flow temperature..."


# --- from rows to facts

SIGNED = Signature("Wiesental Service", "+41 44 668 18 00", "Europe/Zurich")
ALICE = Customer(id="alice", name="Alice Keller", locale="de", timezone="Europe/Zurich")
KUNZ = Provider(id="kunz", name="Kunz Heating", timezone="Europe/London")
CASE = NotificationContext(
    ticket=Ticket(id="T-1", site_id="h", customer_id="alice", device_id="p", cause_key="hot", cause="too hot",
                  skill="heating", severity=Severity.CRITICAL, opened_at=NOW, visit_id="V-1"),
    visit=Visit(id="V-1", job_id="J-1", ticket_id="T-1", provider_id="kunz", technician="Karin",
                window_from=NOW + 2 * HOUR,
                window_until=NOW + 3 * HOUR, created_at=NOW),
    offer=Offer(id="O-1", job_id="J-1", ticket_id="T-1", provider_id="kunz", rank=1, offered_at=NOW,
                expires_at=NOW + HOUR),
    customer=ALICE, provider=KUNZ, device=Device(id="p", key="native:p", profile="heat_pump", site_id="h", name="Pump"),
    site=Site(id="h", customer_id="alice", name="House", street="Lindenweg 1", postcode="8001", town="Wiesental"),
)


def note(topic: str, to: Recipient, facts: dict[str, object]) -> Notification:
    return outbox_rows.note("N-1", topic, 1, NOW, to, facts=facts)


def test_what_is_true_now_comes_before_what_was_true_when_it_was_written() -> None:
    written = {"severity": "minor", "window_from": 1, "technician": "Somebody", "device": "Old name"}
    facts = facts_of(note("technician_assigned", customer("alice"), written), CASE, NOW, "", SIGNED, catalogues())
    assert (facts.severity, facts.window_from, facts.technician) == ("critical", NOW + 2 * HOUR, "Karin")
    assert facts.device == "Pump"


def test_a_cause_is_told_in_the_readers_language() -> None:
    facts = facts_of(note("fault_found", customer("alice"), {"cause": {"en": "too hot", "de": "zu heiss"}}), CASE, NOW,
                     "", SIGNED, catalogues())
    assert facts.cause == "zu heiss"
    assert localized_cause({"en": "too hot"}, catalogue_for("de")) == "too hot"
    assert localized_cause("too hot", catalogue_for("de")) == "too hot"


def test_a_firm_that_is_only_asked_learns_neither_name_nor_street() -> None:
    facts = facts_of(note("offer", provider("kunz"), {"cause": "too hot"}), CASE, NOW, LINK, SIGNED, catalogues())
    message = word("offer", "en", facts)
    everything = message.subject + message.short + message.long_text + message.long_html + str(message.data)
    assert "Alice" not in everything
    assert "Lindenweg" not in everything
    assert "8001 Wiesental" in everything
    assert facts.zone == "Europe/London"


KUNZ_PHONE = "+41446681234"
RUNG = replace(CASE, provider=Provider(id="kunz", name="Kunz Heating", timezone="Europe/London", phone=KUNZ_PHONE))


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("topic", sorted(topic for topic, one in TOPICS.items()
                                         if RecipientKind.CUSTOMER in one.audience))
def test_no_message_to_a_customer_has_the_number_of_who_comes(topic: str, locale: str) -> None:
    case = replace(RUNG, customer=ALICE.model_copy(update={"locale": locale}))
    facts = facts_of(note(topic, customer("alice"), {"cause": "too hot", "provider_phone": KUNZ_PHONE}), case, NOW,
                     LINK, SIGNED, catalogues())
    message = replace(every_fact(NOW, NOW + HOUR, "words"), **{
        name: value for name, value in vars(facts).items() if value})
    worded = word(topic, locale, replace(message, provider_phone=facts.provider_phone))
    everything = [worded.subject, worded.short, worded.long_text, worded.long_html, str(worded.data)]
    assert not any("6681234" in re.sub(r"[\s.-]", "", one) for one in everything)
    assert "provider_phone" not in worded.data


def test_the_dispatcher_reads_the_number_of_who_should_be_there() -> None:
    facts = facts_of(note("visit_problem", DISPATCHER, {"cause": "too hot", "reason": "nobody_came"}), RUNG, NOW, "",
                     SIGNED, catalogues())
    assert facts.provider_phone == KUNZ_PHONE
    assert KUNZ_PHONE in word("visit_problem", "en", facts).long_text


def test_the_dispatcher_reads_who_could_not_be_told_what() -> None:
    stored: dict[str, object] = {"whom": "Alice Keller", "told_topic": "fault_found", "why": "every contact refused"}
    facts = facts_of(note("undeliverable", DISPATCHER, stored), CASE, NOW, "", SIGNED, catalogues())
    message = word("undeliverable", "en", facts)
    assert message.subject == "Could not tell Alice Keller: fault found (T-1)"
    assert topic_name("fault_found", catalogue_for("de")) == "Störung bemerkt"
