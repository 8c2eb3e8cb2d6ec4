"""A timeline keeps kinds and parameters; whoever reads it gets sentences in their language and their place's time."""

from typing import Any

import pytest

from gateway.model import (
    PARAMETERS,
    Actor,
    ActorKind,
    Entry,
    EntryKind,
    Reason,
    ReasonKind,
    RemoteFixOutcome,
    Subject,
    SubjectKind,
    from_iso,
)
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for, catalogues
from gateway.notifications.entries import COUNTED, actor_name, entry_sentence
from gateway.notifications.reasons import reason_sentence
from gateway.tickets.new_rows import entry
from tests.drivers.timelines import sentence

TICKET = Subject(SubjectKind.TICKET, "T-1")
NOON = from_iso("2026-11-23T12:00:00.000Z")
LANGUAGES = [catalogues().best_for(locale) for locale in catalogues().locales]
WITHIN_ANOTHER = {EntryKind.REMOTE_FIX_NOT_TRIED: {"tried_at"}}  # the outcome says when it was tried before
every_language = pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.locale)


def line(kind: EntryKind, **parameters: Any) -> Entry:
    return entry(TICKET, NOON, kind, **parameters)


@every_language
@pytest.mark.parametrize("kind", EntryKind)
def test_every_kind_has_a_sentence_that_uses_exactly_its_parameters(kind: EntryKind, language: Catalogue) -> None:
    given = PARAMETERS.get(kind, ())
    without = [f"entry.{kind}.without_{name}" for name in given]
    variants = [f"entry.{kind}", *(one for one in without if language.has(one))]
    assert language.places(f"entry.{kind}") == set(given) - WITHIN_ANOTHER.get(kind, set())
    for variant in variants:
        assert language.places(variant) <= set(given)
        if language.is_counted(variant):
            assert COUNTED[kind] in given


@every_language
def test_no_sentence_of_a_timeline_is_left_over(language: Catalogue) -> None:
    kinds = {id_.split(".")[1] for id_ in language.sentences if id_.startswith("entry.")}
    assert kinds == {str(kind) for kind in EntryKind}


@every_language
def test_every_actor_reason_and_outcome_has_words(language: Catalogue) -> None:
    for actor in ActorKind:
        assert language.places(f"actor.{actor}") <= {"name"}
    for reason in ReasonKind:
        assert language.has(f"reason.{reason}")
    for outcome in RemoteFixOutcome:
        assert language.places(f"remote_fix.{outcome}") <= {"when"}


def test_a_parameter_that_the_kind_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="offered has the parameters"):
        line(EntryKind.OFFERED, firm="Kunz Heating")
    with pytest.raises(TypeError, match="offered has the parameters"):
        line(EntryKind.OFFERED)


def test_the_same_line_is_read_in_two_languages_and_at_the_places_own_time() -> None:
    accepted = line(EntryKind.ACCEPTED, provider="Kunz Heating", window_from=NOON, window_until=NOON + 4 * 3_600_000)
    assert sentence(accepted) == "Kunz Heating accepted; arrival 23 Nov 13:00 to 23 Nov 17:00"
    assert sentence(accepted, "de-CH") == "Kunz Heating hat angenommen; Ankunft 23. Nov. 13:00 bis 23. Nov. 17:00"
    assert sentence(accepted, zone="UTC") == "Kunz Heating accepted; arrival 23 Nov 12:00 to 23 Nov 16:00"


@pytest.mark.parametrize(("kind", "parameters", "english", "german"), [
    (EntryKind.OPENED, {"cause": {"en": "Too hot", "de": "Zu heiß"}, "device": "Pump"}, "Too hot (Pump)",
     "Zu heiß (Pump)"),
    (EntryKind.DECLINED, {"provider": "Kunz", "reason": ""}, "Kunz declined", "Kunz hat abgelehnt"),
    (EntryKind.DECLINED, {"provider": "Kunz", "reason": "too far"}, "Kunz declined: too far",
     "Kunz hat abgelehnt: too far"),
    (EntryKind.EN_ROUTE, {"minutes": None}, "On the way", "Unterwegs"),
    (EntryKind.EN_ROUTE, {"minutes": 1}, "On the way, about 1 minute", "Unterwegs, noch etwa 1 Minute"),
    (EntryKind.EN_ROUTE, {"minutes": 20}, "On the way, about 20 minutes", "Unterwegs, noch etwa 20 Minuten"),
    (EntryKind.ANSWER_SAVED, {"answer": "A digger"}, "Answer for callers: A digger", "Antwort für Anrufer: A digger"),
    (EntryKind.ANSWER_WITHDRAWN, {"answer": "A digger"}, "Answer for callers withdrawn: A digger",
     "Antwort für Anrufer zurückgezogen: A digger"),
    (EntryKind.MAINTENANCE_ANNOUNCED, {"customers": 1}, "Announced to 1 customer", "1 Kunden angekündigt"),
    (EntryKind.OUTAGE_NESTED, {"homes": 1}, "1 home is still dark for a reason of its own",
     "1 Haushalt ist aus eigenem Grund noch dunkel"),
    (EntryKind.OUTAGE_SUSPECTED, {"dark": 3, "homes": 5, "area": ""},
     "Suspected: 3 of 5 homes of the whole fleet went dark together",
     "Verdacht: 3 von 5 Haushalten der ganzen Flotte wurden gleichzeitig dunkel"),
    (EntryKind.CANCELLED, {"reason": Reason(ReasonKind.PART_OF_OUTAGE, {"outage": "X-1"}).stored()},
     "Cancelled: part of outage X-1", "Storniert: Teil des Ausfalls X-1"),
    (EntryKind.CANCELLED, {"reason": "sold {the} house"}, "Cancelled: sold {the} house", "Storniert: sold {the} house"),
    (EntryKind.REMOTE_FIX_NOT_TRIED,
     {"fix": {"en": "restart", "de": "Neustart"}, "tried_at": NOON, "outcome": "unreachable"},
     "Not tried from afar (restart): the device is not connected",
     "Aus der Ferne nicht versucht (Neustart): das Gerät ist nicht verbunden"),
    (EntryKind.TOLD, {"whom": {"kind": "emergency", "id": "2", "name": ""}, "channel": "sms",
                      "topic": "emergency_press"},
     "Told number 2 of service.emergency by sms: call for help",
     "Nachricht an Nummer 2 von service.emergency über sms: Hilferuf"),
    (EntryKind.PRESSED, {"press": "wobble"}, "The button was pressed (wobble)", "Der Knopf wurde gedrückt (wobble)"),
])
def test_a_line_reads_as_a_person_would_write_it(kind: EntryKind, parameters: dict[str, object], english: str,
                                                 german: str) -> None:
    assert (sentence(line(kind, **parameters)), sentence(line(kind, **parameters), "de")) == (english, german)


def test_who_did_it_is_named_in_the_readers_language() -> None:
    by = entry(TICKET, NOON, EntryKind.ON_SITE, who=Actor(ActorKind.TECHNICIAN, "Sara Keller")).by
    assert (actor_name(by, catalogue_for("en")), actor_name(by, catalogue_for("de"))) == (
        "technician Sara Keller", "Fachperson Sara Keller")


def test_a_reason_is_worded_when_it_is_read_and_a_persons_own_words_stay() -> None:
    stored = Reason(ReasonKind.BACK_ALREADY, {"back": 3, "homes": 5}).stored()
    assert Reason.read(stored) == Reason(ReasonKind.BACK_ALREADY, {"back": 3, "homes": 5})
    assert reason_sentence(stored, catalogue_for("en")) == "3 of 5 homes are back already"
    assert reason_sentence("Reset by phone", catalogue_for("de")) == "Reset by phone"


def test_a_line_of_a_kind_without_parameters_needs_no_place() -> None:
    assert entry_sentence(line(EntryKind.CLOSED), catalogue_for("de"), "UTC") == "Geschlossen"
