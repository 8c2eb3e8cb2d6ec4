"""A mail as its reader sees it: the letter taken apart, a word and a colour at the top, a chart where there is one."""

import re
from dataclasses import replace
from email.message import EmailMessage
from html import unescape
from io import BytesIO
from math import inf, nan, sin
from typing import cast

import pytest
from PIL import Image

from gateway.config.branding.colours import ENOUGH, contrast
from gateway.config.settings import Smtp
from gateway.model import HOUR, MINUTE, SECOND
from gateway.notifications.catalogues import catalogue_for, catalogues, messages
from gateway.notifications.channels.email import compose, self_contained
from gateway.notifications.channels.mail_chart import drawn
from gateway.notifications.charts.geometry import ChartFacts, Span, Threshold
from gateway.notifications.mail.letter import Part, Person, initials, parts_of, telephone_link, with_person
from gateway.notifications.mail.tones import COLOURS, SIGNS, TONES, Tone
from gateway.notifications.messages import CHART_FRAME, Facts, Message
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.sample import sample_chart
from tests import ROOT
from tests.unit.notifications.test_templates import EVERY, FACTS, LINK, NOW

SMTP = Smtp(host="h", sender="service@wiesental.example", sender_name="Wiesental Service")
PREFERENCES = "https://service.example/m/K-1.abcdefghijklmnop"


def everything(locale: str = "en", **more: object) -> Facts:
    """All that a mail can show."""
    facts = replace(FACTS, preferences=PREFERENCES, unsubscribe=f"{PREFERENCES}/stop/faults",
                    chart=sample_chart(NOW, "Europe/Zurich", catalogue_for(locale)))
    return replace(facts, **more)  # type: ignore[arg-type]


def mail(topic: str = "fault_found", locale: str = "en", **more: object) -> tuple[Message, EmailMessage]:
    message = messages().word(topic, locale, everything(locale, **more))
    return message, compose(SMTP, "alice@example.com", message, "N-1")


def visible(html: str) -> str:
    """The words of a mail as somebody who sees no picture hears them."""
    body = re.sub(r"<style>.*?</style>|<title>.*?</title>|<!--.*?-->", "", html, flags=re.DOTALL)
    body = re.sub(r'<img[^>]*alt="([^"]*)"[^>]*>', r" \1 ", body)
    body = re.sub(r"</?(span|strong|a)\b[^>]*>", "", body)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).replace("\u00a0", " ").split())


@pytest.mark.parametrize(("topic", "locale"), EVERY)
def test_a_whole_mail_is_small_and_fetches_nothing(topic: str, locale: str) -> None:
    message, whole = mail(topic, locale)
    assert len(whole.as_bytes()) < 60_000, "Gmail cuts off what is longer than 100 kB"
    assert not re.search(r'(src|background)="(?!cid:)', message.long_html)
    assert "url(" not in message.long_html
    assert "@import" not in message.long_html


@pytest.mark.parametrize(("topic", "locale"), EVERY)
def test_text_and_html_say_the_same(topic: str, locale: str) -> None:
    message, _ = mail(topic, locale)
    shown = visible(message.long_html)
    for line in message.long_text.replace("\u00a0", " ").splitlines():
        if line and not line.startswith("https://"):
            for piece in re.split(r" ?: | ?:$|, ", line):
                assert " ".join(piece.split()) in shown, line
    for link in (LINK, PREFERENCES, f"{PREFERENCES}/stop/faults"):
        assert f'href="{link}"' in message.long_html
        assert link in message.long_text


def test_every_kind_of_message_has_a_word_a_sign_and_a_colour_that_can_be_read() -> None:
    assert set(TONES) == {*TopicName}
    for tone in Tone:
        assert SIGNS[tone]
        for locale in catalogues().locales:
            assert catalogue_for(locale)(f"message.tone.{tone}")
        for ink, ground in COLOURS[tone]:
            assert contrast(ink, ground) >= ENOUGH


def test_the_colours_are_those_of_the_pages() -> None:
    css = (ROOT / "gateway/web/static/page.css").read_text(encoding="utf-8")
    layout = (ROOT / "gateway/notifications/templates/layout.html.j2").read_text(encoding="utf-8")
    tones = {one for pairs in COLOURS.values() for pair in pairs for one in pair}
    used = {*re.findall(r"#[0-9a-f]{6}", layout)} | tones
    assert {one for one in used if one not in css} == {
        "#ffffff", "#f3dedd"}, "#fff there, and what a picture has for `.span.alarm`, which is half transparent"


def test_a_letter_falls_into_sentences_and_rows() -> None:
    letter = "Hello Alice,\n\nSomebody is coming:\n\nWho: Karin Kunz, Kunz\nWhen: 12:00–16:00\nYou pay nothing.\n\n" \
             f"See it:\n{LINK}\n\nService, 123\n"
    parts = parts_of(letter, [LINK, "Service, 123"], "", [])
    assert parts == [
        Part(lines=[("Hello Alice,", "")]), Part(lines=[("Somebody is coming:", "")]),
        Part(rows=[("Who", "Karin Kunz, Kunz"), ("When", "12:00–16:00")]), Part(lines=[("You pay nothing.", "")])]
    assert with_person(parts, "Karin Kunz", "Kunz")[2] == Part(
        rows=[("When", "12:00–16:00")], person=Person("Who", "Karin Kunz, Kunz", "KK"))
    assert with_person(parts[:2], "Karin Kunz", "Kunz")[1].person == Person("", "Karin Kunz, Kunz", "KK")
    assert with_person(parts, "", "") == parts


def test_french_rows_have_a_space_before_their_colon() -> None:
    assert parts_of("Qui : Karin\nQuand : 12:00", [], "", [])[0].rows == [("Qui", "Karin"), ("Quand", "12:00")]


def test_what_people_wrote_leads_nowhere_and_our_own_lines_do() -> None:
    ours = "https://service.example/f/1"
    parts = parts_of(f"1. It works again: {ours}\n2. See https://evil.example/", [], "", [ours])
    assert parts[0].lines == [("1. It works again", ours), ("2. See https://evil.example/", "")]
    message = messages().word("fault_found", "en", replace(FACTS, note="https://evil.example/"))
    assert 'href="https://evil' not in message.long_html


@pytest.mark.parametrize(("name", "said"), [
    ("Karin Kunz", "KK"), ("Anna Maria von Arx", "AA"), ("Kunz", "K"), ("", ""), ("4 Seasons", "S"),
    ("रमेश कुमार", "रक")])
def test_initials(name: str, said: str) -> None:
    assert initials(name) == said


@pytest.mark.parametrize(("phone", "link"), [
    ("+41 44 668 18 00", "tel:+41446681800"), ("044/668 18 00", "tel:0446681800"), ("ask Anna", ""), ("", "")])
def test_a_telephone_number_can_be_tapped(phone: str, link: str) -> None:
    assert telephone_link(phone) == link


def test_who_comes_is_shown_as_a_person() -> None:
    message, _ = mail("technician_assigned", chart=None)
    assert ">KK</div>" in message.long_html
    assert "Karin Kunz, Kunz Heating" in visible(message.long_html)


def test_the_number_of_a_ticket_is_not_torn_in_two() -> None:
    message, _ = mail()
    assert '<span style="white-space:nowrap">T-4F7QK2M9</span>' in message.long_html


def test_the_first_words_in_the_list_of_mails_are_the_news() -> None:
    message, _ = mail()
    assert visible(message.long_html).startswith("Heat pump: the flow temperature is above 60 °C")


def test_who_cannot_see_the_chart_hears_what_it_shows() -> None:
    message, _ = mail()
    (alt,) = re.findall(r'<img src="cid:chart" alt="([^"]*)"', message.long_html)
    assert unescape(alt) in message.long_text
    assert "between 56" in alt
    assert "Alarm > 75 °C" in unescape(alt)
    assert "chart" not in message.data
    assert "data:image/png;base64," in self_contained(message)


def test_without_a_chart_there_is_no_picture() -> None:
    message, whole = mail(chart=None)
    assert "cid:" not in message.long_html
    assert [part.get_content_type() for part in whole.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_a_letter_whose_html_cannot_be_made_goes_out_as_text() -> None:
    def fails() -> str:
        raise RuntimeError

    message = replace(mail()[0], html=fails)
    whole = compose(SMTP, "alice@example.com", message, "N-1")
    html = whole.get_body(("html",))
    assert html is not None
    assert html.get_content().startswith("<pre>Hello Alice Keller,")
    assert [part for part in whole.walk() if part.get_content_maintype() == "image"] == []


def picture(facts: ChartFacts) -> Image.Image:
    content = drawn(facts, CHART_FRAME)
    assert len(content) < 30_000
    return Image.open(BytesIO(content)).convert("RGB")


def chart(course: list[tuple[int, float]], **more: object) -> ChartFacts:
    return ChartFacts("x", "°C", course, NOW, NOW + 24 * HOUR, "Europe/Zurich", **more)  # type: ignore[arg-type]


def test_a_day_of_wild_readings_is_still_a_small_picture() -> None:
    course = [(NOW + number * 20 * SECOND, 50 + 40 * sin(number * 7) + number % 13) for number in range(4_000)]
    shown = picture(chart(course, thresholds=[Threshold(75, "Alarm")], spans=[Span("alarm", "", NOW + HOUR, None)]))
    assert shown.size == (2 * CHART_FRAME.width, 2 * CHART_FRAME.height)


@pytest.mark.parametrize("course", [
    [], [(NOW, 1.0)], [(NOW, 5.0), (NOW + HOUR, 5.0)], [(NOW, nan), (NOW + HOUR, inf)],
    [(NOW, -1e15), (NOW + MINUTE, 1e15)], [(NOW, 1.0), (NOW + MINUTE, 2.0), (NOW + 20 * HOUR, 3.0)]])
def test_odd_readings_break_no_picture(course: list[tuple[int, float]]) -> None:
    picture(chart(course))


def test_line_limit_and_figures_are_read_on_the_ground_of_the_picture() -> None:
    shown = picture(sample_chart(NOW, "Europe/Zurich", catalogue_for("en")).facts)
    found = cast(list[tuple[int, tuple[int, int, int]]], shown.getcolors(1 << 20))
    colours, ground = {f"#{bytes(one).hex()}" for _, one in found}, f"#{bytes(max(found)[1]).hex()}"
    assert contrast(ground, "#000000") > 18, "light, also where the page around it is dark"
    for ink in ("#0b6e7f", "#a11b1b", "#4a565c"):
        near = min(colours, key=lambda one: sum(abs(int(one[at:at + 2], 16) - int(ink[at:at + 2], 16))
                                                for at in (1, 3, 5)))
        assert contrast(near, ground) >= ENOUGH
