"""The sentences of every language: none is missing, none is left over, and a file that is broken is refused by line."""

import ast
import re
from pathlib import Path
from time import process_time

import pytest

from gateway.callbacks.call_context.questions import Ask, Next, Verify
from gateway.model import (
    DAY,
    CallbackState,
    EntryKind,
    GoodwillCaseState,
    Need,
    NotificationState,
    OutageState,
    PageReason,
    PromiseKind,
    ReasonKind,
    Severity,
    SlaKind,
    TicketState,
)
from gateway.model.reasons import RefusedReason
from gateway.notifications.catalogue import BrokenCatalogue, Catalogues, read_catalogue
from gateway.notifications.catalogues import catalogue_for, catalogues, messages
from gateway.notifications.messages import Facts
from gateway.notifications.topics import TopicName
from tests import ROOT

ROOT = ROOT / "gateway"
FILES = ROOT / "notifications" / "catalogues"
LEFT_OUT = {("de", "page.ticket.assigned_more"): {"who"}}  # "Wir melden uns bei der Abfahrt" needs no name
KINDS = [*(f"entry.{kind}" for kind in EntryKind), *(f"topic.{name}" for name in TopicName),
         *(f"severity.{severity}" for severity in Severity), *(f"sla.{kind}" for kind in SlaKind),
         *(f"reason.{reason}" for reason in ReasonKind),
         *(f"ticket_state.{state}" for state in TicketState), *(f"outage_state.{state}" for state in OutageState),
         *(f"goodwill_case_state.{state}" for state in GoodwillCaseState),
         *(f"promise.{kind}" for kind in PromiseKind),
         *(f"call.ask.{ask}" for ask in Ask), *(f"call.next.{act}" for act in Next),
         *(f"call.verify.{question}" for question in Verify), *(f"need.{need}" for need in Need),
         *(f"call.told.{state}" for state in NotificationState),
         *(f"callback_state.{state}" for state in CallbackState), *(f"refused.{reason}" for reason in RefusedReason),
         *(f"{what}.{reason}" for reason in PageReason for what in ("page_reason", "page_todo")),
         # closed reads as resolved; who presses while a known outage is the answer reads that outage's page
         *(f"page.ticket.{state}{more}" for state in set(TicketState) - {TicketState.CLOSED} for more in ("", "_more")),
         *(f"page.call.{state}{more}" for state in set(CallbackState) - {CallbackState.ANSWERED}
           for more in ("", "_more"))]
# words for what a row holds: a kind of press, what a callback became …
FROM_ROWS = ("press", "became", "span", "incomplete", "hold", "promise")
HEADER = '''msgid ""
msgstr ""
"Language: {}\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
'''


def refused(text: str, locale: str = "en") -> str:
    with pytest.raises(BrokenCatalogue) as broken:
        read_catalogue(text, locale)
    return str(broken.value)


def test_a_reader_gets_their_language_and_english_when_nobody_has_written_it() -> None:
    assert catalogue_for("de")("page.since") == catalogue_for("de-CH")("page.since") == "Seit"
    assert catalogue_for("eo")("page.since") == catalogue_for("")("page.since") == "Since"
    assert catalogue_for("en").plural("page.past_pressed", 1, device="Bell") == "You pressed “Bell”."
    assert catalogue_for("de").plural("page.past_pressed", 3, device="Bell") == "Sie haben „Bell“ 3-mal gedrückt."


def test_every_language_has_every_sentence_with_the_same_places() -> None:
    english = catalogue_for("en")
    assert set(catalogues().locales) == {file.stem for file in FILES.glob("*.po")} >= {"en", "de"}
    for catalogue in (catalogues().best_for(locale) for locale in catalogues().locales):
        assert catalogue.sentences.keys() == english.sentences.keys()
        for name in english.sentences:
            left_out = LEFT_OUT.get((catalogue.locale, name), set())
            assert catalogue.places(name) == english.places(name) - left_out, name


def test_a_language_is_added_by_one_file(tmp_path: Path) -> None:
    for file in FILES.glob("*.po"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    english = (FILES / "en.po").read_text(encoding="utf-8")
    (tmp_path / "eo.po").write_text(
        english.replace("Language: en", "Language: eo").replace('msgstr "Since"', 'msgstr "Ekde"')
        .replace('msgstr "EEE d MMM"', 'msgstr "EEE, d-\'a\' \'de\' MMM"')
        .replace("{who} is on the way to your {device}, there about {eta}.", "{who} venas al {device}: {eta}."),
        encoding="utf-8")
    grown = catalogues(tmp_path)
    assert grown.locales == ("en", *sorted({*catalogues().locales, "eo"} - {"en"}))
    assert grown.best_for("eo-XX")("page.since") == "Ekde"
    facts = Facts(now=0, number="T-1", technician="Karin", device="Pump", eta=70 * DAY)
    short = messages(tmp_path).word("on_the_way", "eo", facts).short
    assert re.fullmatch(r"Karin venas al Pump: ja, 12-a de [Mm]ar, 00:00\. T-1", short)


def test_a_language_that_lacks_a_sentence_or_makes_up_a_place_is_refused_by_name() -> None:
    english = HEADER.format("en") + 'msgid "page.late"\nmsgstr "{who} is late"\n'
    late = 'msgid "page.late"\n'
    for german, words in (
        ("", r"de.po: lacks page.late \(en.po:6\)"),
        (late + 'msgstr "{wer} ist spät"\n', "de.po:6: page.late has the places wer, in English who"),
        (late + 'msgstr "spät"\n\nmsgid "page.more"\nmsgstr "mehr"\n', "de.po:9: page.more is not in en.po"),
        (late + 'msgid_plural "page.late"\nmsgstr[0] "spät"\nmsgstr[1] "spät"\n', "de.po:6: .* in one language"),
    ):
        with pytest.raises(BrokenCatalogue, match=words):
            Catalogues.from_texts({"en": english, "de": HEADER.format("de") + german})
    with pytest.raises(BrokenCatalogue, match=r"en.po: there is none"):
        Catalogues.from_texts({"de": HEADER.format("de")})


@pytest.mark.parametrize(("sentences", "words"), [
    ('msgid "a"\nmsgstr "never closed\n\nmsgid "b"\nmsgstr "B"\n', "en.po:7: cannot be read: msgstr \"never closed"),
    ('msgid "a"\nmsgstr "A"\nnonsense\n', "en.po:8: cannot be read: nonsense"),
    ('msgid "a"\nmsgstr "A"\n\nmsgid "a"\nmsgstr "B"\n', "en.po:9: a stands in line 6 already"),
    ('msgid "a"\nmsgstr ""\n', "en.po:6: a is empty"),
    ('#, fuzzy\nmsgid "a"\nmsgstr "A"\n', "en.po:7: a is fuzzy"),
    ('#~ msgid "a"\n#~ msgstr "A"\n', "en.po:6: an obsolete sentence"),
    ('msgid "a"\nmsgid_plural "a"\nmsgstr[0] "A"\n', "en.po:6: a lacks one of its 2 forms"),
    ('msgid "a"\nmsgid_plural "a"\nmsgstr[0] "A"\nmsgstr[1] ""\n', "en.po:6: a lacks one of its 2 forms"),
    ('msgid "a"\nmsgstr "{who is late"\n', "en.po:6: a: expected '}'"),
    ('msgid "a"\nmsgstr "{who.name} is late"\n', "en.po:6: a: {who.name} is no name of a place"),
    ('msgid "a"\nmsgstr "{} is late"\n', "en.po:6: a: {} is no name of a place"),
    ('msgid "a"\nmsgid "b"\nmsgstr "B"\n', "en.po:6: missing msgstr for msgid 'a'"),
])
def test_a_broken_file_is_refused_with_its_name_and_line(sentences: str, words: str) -> None:
    assert words in refused(HEADER.format("en") + sentences)


def test_a_file_without_its_plural_rule_or_of_another_language_is_refused() -> None:
    assert 'Plural-Forms: nplurals=…' in refused(re.sub('"Plural.*\n', "", HEADER.format("fr")), "fr")
    assert 'must say "Language: fr' in refused(HEADER.format("en"), "fr")
    assert "en.po:1:" in refused(HEADER.format("klingon"))


def test_a_sentence_that_nobody_wrote_is_named_when_it_is_asked_for() -> None:
    with pytest.raises(KeyError, match=r"no sentence 'page.nonsense' in the language 'de'"):
        catalogue_for("de")("page.nonsense")


def test_every_kind_of_thing_has_its_words() -> None:
    for locale in catalogues().locales:
        lacks = [name for name in KINDS if not catalogue_for(locale).has(name)]
        assert lacks == []


def test_no_sentence_is_left_over() -> None:
    asked = re.compile("|".join(sorted(_asked_for())))
    assert [name for name in catalogue_for("en").sentences if not asked.fullmatch(name)] == []


def test_a_language_is_read_in_an_instant() -> None:
    text = (FILES / "de.po").read_text(encoding="utf-8")
    tries = []
    for _ in range(5):
        began = process_time()
        read_catalogue(text, "de")
        tries.append(process_time() - began)
    assert min(tries) < 0.1  # 10 ms here; of its own, whatever else the machine does


def _asked_for() -> set[str]:
    """Every id that the code or a template asks for, as a pattern: what is put in when it runs may be any word."""
    found = set()
    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.escape(node.value) if _is_id(node.value) else "")
            elif isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else "" for part in node.values]
                if _is_id(parts[0]):
                    found.add("".join(re.escape(part) or r"\w*" for part in parts))
    for file in (*ROOT.rglob("*.html"), *ROOT.rglob("*.j2")):
        for name, glued in re.findall(r'"([a-z]+\.[a-z0-9_.]*)"(\s*~)?', file.read_text(encoding="utf-8")):
            found.add(re.escape(name) + (r"\w*" if glued else ""))
    by_kind = {re.escape(name) + (r"(\.without_\w+)?" if name.startswith(("entry.", "reason.", "call.")) else "")
               for name in KINDS}
    found -= {"", r"entry\.\w*", r"topic\.\w*", r"severity\.\w*", r"reason\.\w*", r"refused\.\w*"}
    return found | by_kind | {rf"{group}\.\w+" for group in FROM_ROWS}


def _is_id(text: str) -> bool:
    return bool(re.fullmatch(r"[a-z_]+\.[a-z0-9_.]*", text))
