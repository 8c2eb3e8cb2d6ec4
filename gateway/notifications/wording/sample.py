"""Facts of an example message, with everything known: what a template is tried on, and what a preview shows."""

from math import sin

from gateway.config.settings import Branding
from gateway.model import DAY, HOUR, MINUTE, Instant, Severity
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.charts.fault_course import FaultCourse
from gateway.notifications.charts.geometry import ChartFacts, Span, Threshold
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import number
from gateway.notifications.messages import Facts
from gateway.notifications.topics import TopicName

NUMBER = "T-7F4QK2M9"
_BEFORE_A_VISIT = (TopicName.FAULT_FOUND, TopicName.WORSE, TopicName.STILL_LOOKING, TopicName.TECHNICIAN_ASSIGNED)


def sample_chart(now: Instant, zone: str, words: Catalogue) -> FaultCourse:
    """What a device that becomes too hot has measured."""
    say, name = TimeFormat(words, zone, now), capital(words("skill.heating"))
    course = [(now - 80 * MINUTE + minute * MINUTE, 58 + 2 * sin(minute / 5) + max(0, minute - 45) * .8)
              for minute in range(80)]
    limit = Threshold(75, words("page.chart.limit", limit="> 75 °C"))
    low, high = (number(one, words.locale, "#,##0.#") + "\u00a0°C"
                 for one in (min(value for _, value in course), max(value for _, value in course)))
    said = words("page.chart.course", signal=name, since=say.when(course[0][0]), until=say.when(course[-1][0]),
                 low=low, high=high)
    return FaultCourse(name, ChartFacts(f"{said} {limit.name}.", "°C", course, course[0][0], now, zone, [limit],
                                        [Span("alarm", words("message.tone.problem"), now - 12 * MINUTE, None)], say))


def sample_facts(now: Instant, *, zone: str = "UTC", service: str = "Your service team", phone: str = "",
                 link: str = "https://service.example/f/…", branding: Branding | None = None,
                 is_test: bool = False, topic: str = "") -> Facts:
    """`link`: where the button of a preview leads; `topic`: without what would make it another story."""
    return Facts(
        now=now, zone=zone, is_test=is_test, reader="Alice Keller", customer="Alice Keller", site="Alice's house",
        link=link, service=service, phone=phone, branding=branding or Branding(), number=NUMBER,
        address="Lindenweg 1, 8001 Wiesental", town="8001 Wiesental", device="Heat pump", cause="too hot",
        severity=Severity.MAJOR, window_from=now + 2 * HOUR, window_until=now + 6 * HOUR, eta=now + 40 * MINUTE,
        technician="Karin Kunz", provider="Kunz Heating", provider_phone="+41 44 668 18 00",
        hear_by=now + 30 * MINUTE, next_word=now + 2 * HOUR, word_by=now - 5 * MINUTE, before="Bruno Berger",
        because="cancelled", note="" if topic in _BEFORE_A_VISIT else "Valve replaced", incomplete="part_missing",
        parts="three-way valve", expected_at=now + 2 * DAY, since=now - HOUR, visit_state="planned", photos=2,
        callback_by=now + HOUR, ring_from=now + 30 * MINUTE, tries=1, missed_by=now - 5 * MINUTE, asked=3,
        open_offers=1, held_until=now + DAY, opens_at=now + 8 * HOUR, emergency_number="112", pressed_at=now - MINUTE,
        suspicion="sticks", test_asked_at=now - DAY, gesture="Press the button for one second", has_gesture=True,
        battery=80, next_at=now + 30 * DAY, expires_at=now + 10 * MINUTE, sla="first_response",
        due_at=now + 2 * HOUR, policy="standard", resolution="Valve replaced",
        payers="You pay nothing: your contract covers it.", payer_short="contract", price="€95.00",
        price_plain="EUR 95.00", answer_by=now + 4 * HOUR, credited_for="outage", dark_for=3 * HOUR,
        area="Feeder 7", homes=40, etr=now + HOUR, form="dark", look_by=now + HOUR, what="carrier",
        missing="zigbee2mqtt", filters="zigbee2mqtt/#", seconds=90, reason="nobody_left", whom="Alice Keller",
        telephones="Alice Keller +41 79 000 00 01", told_topic="fault found", why="every contact refused",
        household="Household Keller", ring="+41 79 000 00 01",
        undelivered=[{"name": "Alice Keller", "telephone": "+41 79 000 00 01", "what": "power cut",
                      "why": "no contact"}],
        items=[{"what": "Heat pump: it works again", "link": link}], code="123456",
        watched="Heat pump, Help button", acted=2,
        people=1, to_ring=[{"name": "Alice Keller", "place": "Lindenweg 1, 8001 Wiesental",
                            "telephone": "+41 79 000 00 01", "power": True}],
    )
