"""The operator's own wording: what its templates may use, which goes before which, and what `gateway check` says."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model import from_iso
from gateway.notifications.catalogue import BrokenCatalogue, read_catalogue
from gateway.notifications.catalogues import catalogues, load_overrides, messages
from gateway.notifications.messages import MessageRenderer
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.lint import lint
from gateway.notifications.wording.overrides import BadWording
from gateway.notifications.wording.sample import sample_facts
from gateway.notifications.wording.sms import sms_size

NOW = from_iso("2026-11-23T10:00:00+01:00")
FACTS = sample_facts(NOW)
GOOD = "{{ device }}: {{ cause }}{% if next_word %}, news by {{ when(next_word) }}{% endif %} ({{ number }})"


def written(folder: Path, files: Mapping[str, str | bytes]) -> MessageRenderer:
    """`{"de/fault_found.short": "…"}` as files, and what the gateway words with them. Raises BadWording."""
    for name, text in files.items():
        path = folder / f"{name}.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return messages().with_overrides(load_overrides(folder))


def refused(folder: Path, text: str | bytes, name: str = "en/fault_found.short") -> list[str]:
    with pytest.raises(BadWording) as raised:
        written(folder, {name: text})
    return [error.removeprefix(f"{folder}/") for error in raised.value.errors]


def warned(folder: Path, text: str, name: str = "en/fault_found.short") -> list[str]:
    return [line.partition(".j2: ")[2] for line in lint(written(folder, {name: text}), NOW)]


# --- which template words a message

def test_each_form_is_worded_by_itself(tmp_path: Path) -> None:
    renderer = written(tmp_path, {"en/fault_found.short": "Short: {{ device }}"})
    message = renderer.word("fault_found", "en", FACTS)
    ours = messages().word("fault_found", "en", FACTS)
    assert message.short == f"Short: Heat pump {FACTS.link}"
    assert (message.subject, message.long_text) == (ours.subject, ours.long_text)
    assert renderer.word("fault_found", "de", FACTS) == messages().word("fault_found", "de", FACTS)


def test_a_mail_keeps_its_greeting_its_button_and_its_signature(tmp_path: Path) -> None:
    message = written(tmp_path, {"en/resolved.long": "It <b>works</b>.\n\nReally."}).word("resolved", "en", FACTS)
    assert message.long_text.startswith("Hello Alice Keller,\n\nIt <b>works</b>.\n\nReally.\n")
    assert FACTS.service in message.long_text
    assert "&lt;b&gt;works" in message.long_html  # what they write is text
    assert f'href="{FACTS.link}"' in message.long_html


def test_readers_in_switzerland_get_german_as_it_is_spelled_there_unless_theirs_is_written(tmp_path: Path) -> None:
    german = {"de/fault_found.subject": "Große Störung", "de/worse.subject": "Größer"}
    renderer = written(tmp_path, german | {"de-CH/worse.subject": "Schlimmer"})
    assert renderer.word("fault_found", "de-CH", FACTS).subject == "Grosse Störung"
    assert renderer.word("fault_found", "de", FACTS).subject == "Große Störung"
    assert renderer.word("worse", "de-CH", FACTS).subject == "Schlimmer"


def test_whoever_reads_english_for_want_of_their_language_reads_the_operators(tmp_path: Path) -> None:
    renderer = written(tmp_path, {"en/resolved.subject": "All is well"})
    assert renderer.word("resolved", "pt-BR", FACTS).subject == "All is well"


# --- what is refused, at `gateway check` and at start

@pytest.mark.parametrize(("text", "error"), [
    ("{{ device }}\n{{ devcie }}", "2: 'devcie' is not known — did you mean 'device'?"),
    ("{% for n in range(10**9) %}x{% endfor %}", "1: for … in range(…) — expected one of the lists also, "),
    ("{% for a in also %}{% for b in also %}x{% endfor %}{% endfor %}", "1: a loop in a loop is not for wording"),
    ("{{ 'x' * 1000000 }}", "1: '*' is not for wording"),
    ("{{ '%1000000d' % 1 }}", "1: '%' is not for wording"),
    ("{{ device|center(1000000) }}", "1: '|center' is not for wording"),
    ("{{ also|join(device) }}", "1: '|join(…)' with what is not written there"),
    ("{{ device.__class__ }}", "1: 'device.__class__' is not for wording"),
    ("{{ device.format(1) }}", "1: …(…) is not for wording"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "1: 'macro' is not for wording"),
    ("{% include 'letter.j2' %}", "1: 'include' is not for wording"),
    ("{% set a = device ~ device %}\n{% set b = a ~ a %}", "2: set b from a, which is set itself"),
    ("{% set device = number %}", "1: set device — expected a name that nothing else has"),
    ("{{ when }}", "1: when is a function — expected when(…)"),
    ("{{ say('message.your_nmber', number=number) }}", "1: there is no sentence 'message.your_nmber' — did you mean "),
    ("\n\n{{ say('message.your_number') }}", "3: say('message.your_number') without number — expected number=…"),
    ("{{ device", "1: unexpected end of template"),
    ("{% if device %}", "1: Unexpected end of template"),
    ("{{ " + "(" * 5_000 + "device" + ")" * 5_000 + " }}", "1: nested too deeply"),
    ("{% if device %}" * 300 + "{% endif %}" * 300, "1: nested too deeply"),
    ("x" * 1_000_000, "1: longer than 16384 bytes"),
    (b"ok\n\xff", "2: not UTF-8 text"),
])
def test_a_template_that_cannot_be_used_names_its_line_and_what_is_wrong(
        tmp_path: Path, text: str | bytes, error: str) -> None:
    first = refused(tmp_path, text)[0]
    assert first.startswith(f"en/fault_found.short.j2:{error}")


@pytest.mark.parametrize(("name", "error"), [
    ("en/fault_fond.short", "topic 'fault_fond' — did you mean 'fault_found'?"),
    ("en/fault_found.sms", "form 'sms' — expected one of long, short, subject"),
    ("xx/fault_found.short", "language 'xx' — expected one of "),
    ("fault_found.short", "expected files like de/fault_found.short.j2"),
    ("en/customers/fault_found.short", "expected files like de/fault_found.short.j2"),
])
def test_a_file_that_words_nothing_is_named(tmp_path: Path, name: str, error: str) -> None:
    assert refused(tmp_path, "x", name)[0].startswith(f"{name}.j2: {error}")


def test_all_errors_of_all_files_are_said_together(tmp_path: Path) -> None:
    with pytest.raises(BadWording) as raised:
        written(tmp_path, {"de/worse.short": "{{ a }}\n{{ b }}", "en/worse.sms": "x"})
    assert len(raised.value.errors) == 3


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadWording, match="no folder"):
        load_overrides(tmp_path / "nowhere")
    assert not load_overrides(None)


# --- at run time

@pytest.mark.parametrize(("text", "why"), [
    ("{{ when(etr) }}", "line 1: TypeError"),
    ("{% if after_outage %}x{% endif %}", "it says nothing"),
    ("{{ device }}\n{% for one in undelivered %}{{ one.nobody }}{% endfor %}",
     "line 2: 'dict object' has no attribute 'nobody'"),
    ("{{ note }}", "it makes more than 1000 characters"),
])
def test_what_breaks_when_it_is_due_leaves_ours_and_says_why(tmp_path: Path, text: str, why: str) -> None:
    facts = replace(FACTS, etr=None, note="x" * 100_000)
    message = written(tmp_path, {"en/fault_found.short": text}).word("fault_found", "en", facts)
    assert message.short == messages().word("fault_found", "en", facts).short
    assert [(one.name, one.why) for one in message.broken] == [("en/fault_found.short", why)]


def test_why_it_broke_names_nobody(tmp_path: Path) -> None:
    renderer = written(tmp_path, {"en/fault_found.short": "{{ say('x' ~ reader) }}"})
    assert renderer.word("fault_found", "en", FACTS).broken[0].why == "line 1: KeyError"


# --- what `gateway check` warns of

def test_good_wording_is_not_warned_of(tmp_path: Path) -> None:
    assert warned(tmp_path, GOOD) == []


@pytest.mark.parametrize(("text", "warning"), [
    (GOOD.replace("{% if next_word %}", "").replace("{% endif %}", ""),
     "breaks when next_word is not known: line 1: TypeError — expected {% if next_word %}…{% endif %}"),
    (GOOD.replace("{{ device }}: {{ cause }}", "Trouble"), "does not say what happened, as the built-in wording does"),
    ("{{ device }}: {{ cause }} ({{ number }})", "does not say when they hear from us, or somebody comes"),
    (GOOD.replace("({{ number }})", ""), "does not say the number that they quote"),
    (GOOD + "{% if etr %} {{ when(etr) }}{% endif %}", "tells etr, which fault_found does not promise"),
    (GOOD + " and more" * 4 + " ω", "takes 2 SMS before the link"),
    (GOOD + " and more" * 20, "takes 2 SMS before the link"),
])
def test_wording_that_says_less_costs_more_or_promises_more_is_warned_of(
        tmp_path: Path, text: str, warning: str) -> None:
    assert [line for line in warned(tmp_path, text) if line.startswith(warning)], warned(tmp_path, text)


def test_the_example_message_can_be_worded_in_every_topic_and_language() -> None:
    for topic in TopicName:
        for locale in catalogues().locales:
            assert messages().word(topic, locale, FACTS).subject


@pytest.mark.parametrize(("text", "size"), [
    ("a" * 160, ("GSM-7", 160, 1)), ("a" * 161, ("GSM-7", 161, 2)), ("€" * 80, ("GSM-7", 160, 1)),
    ("€" * 81, ("GSM-7", 162, 2)), ("ω" * 70, ("UCS-2", 70, 1)), ("ω" * 71, ("UCS-2", 71, 2)),
    ("😀" * 36, ("UCS-2", 72, 2)), ("", ("GSM-7", 0, 1)), ("a" * 307, ("GSM-7", 307, 3)),
])
def test_what_a_text_costs_as_an_sms(text: str, size: tuple[str, int, int]) -> None:
    assert sms_size(text)[:3] == size


@pytest.mark.parametrize(("rule", "found"), [
    ("nplurals=2; plural=n;", "0, 1, 2, 3, 4 …"), ("nplurals=3; plural=n!=1;", "0, 1"),
    ("nplurals=1; plural=n!=1;", "0, 1")])
def test_a_plural_rule_that_does_not_fit_its_forms_is_refused(rule: str, found: str) -> None:
    text = f"""msgid ""
msgstr ""
"Language: de\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: {rule}\\n"
"""
    with pytest.raises(BrokenCatalogue, match=f"announce . forms, and its rule gives {found} — expected all from 0"):
        read_catalogue(text, "de")


def test_a_mail_is_small_and_needs_nothing_from_elsewhere_even_with_the_longest_own_wording(tmp_path: Path) -> None:
    longest = written(tmp_path, {"en/fault_found.long": "A sentence.\n\n" * 1_200}).word("fault_found", "en", FACTS)
    assert not longest.broken
    for html in (longest.long_html, *(messages().word(topic, locale, FACTS).long_html
                                      for topic in TopicName for locale in catalogues().locales)):
        assert len(html.encode()) < 100_000  # Gmail cuts off the rest
        assert 'content="light dark"' in html
        assert "@media (prefers-color-scheme: dark)" in html
        assert "src=\"http" not in html
