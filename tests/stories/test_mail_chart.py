"""A mail about a fault shows what the device has measured; no other message pays for that."""

import json
from email.message import EmailMessage

import pytest
from sqlalchemy import event

from gateway.devices.profiles import compile_profile
from gateway.model import HOUR, MINUTE, Alarm, Contact, Reading, RecipientKind, Severity, Site
from gateway.store import Store
from tests.drivers.delivery_driver import NOON, DeliveryDriver, answering, delivery_driver
from tests.drivers.story import HEAT_PUMP
from tests.fixtures import servers


@pytest.fixture
def office(both_stores: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer
           ) -> DeliveryDriver:
    return delivery_driver(both_stores, smtp_server, webhook_server)


def overheats(office: DeliveryDriver, **evidence: object) -> None:
    """An hour of readings and an alarm at noon."""
    office.profiles["heat-pump"] = compile_profile(HEAT_PUMP, "heat-pump.yaml")
    judged = {"signals": {"flow_temp": 80.0}, "when": "flow_temp > 75.0"} | evidence
    office.write(Alarm(id="A-1", device_id="alice-pump", site_id="alice-home", rule="too_hot",
                       severity=Severity.MAJOR, cause="too hot", skill="heating", ticket_id="T-1",
                       opened_at=NOON - MINUTE, evidence=judged),
                 *(Reading(device_id="alice-pump", at=NOON - minute * MINUTE, received_at=NOON,
                           signals=json.dumps({"flow_temp": 80.0 - minute / 2})) for minute in range(60)))


def statements(office: DeliveryDriver) -> list[str]:
    """What is asked of the database from now on."""
    asked: list[str] = []
    event.listen(office.store.engine, "before_cursor_execute", lambda _c, _k, statement, *_: asked.append(statement))
    return asked


def pictures(mail: EmailMessage) -> list[EmailMessage]:
    return [part for part in mail.walk() if part.get_content_type() == "image/png"]


def test_a_mail_about_a_fault_arrives_with_its_chart_beside_the_html(
        office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    overheats(office)
    office.tell("fault_found", "1")
    office.deliver()
    [mail] = smtp_server.mails
    assert [(part.get_content_type(), part.get_content_disposition()) for part in mail.message.walk()] == [
        ("multipart/alternative", None), ("text/plain", None), ("multipart/related", None), ("text/html", None),
        ("image/png", "inline")]
    [picture] = pictures(mail.message)
    assert picture["Content-ID"] == "<chart>"
    assert len(picture.get_content()) < 30_000
    assert len(mail.raw) < 100_000
    said = "between 50.5 °C and 80 °C. Alarm > 75 °C."
    assert said in mail.text.replace("\u00a0", " ")
    html = mail.message.get_body(("html",))
    assert html is not None
    assert 'src="cid:chart"' in html.get_content()


def test_a_silent_device_has_no_chart(office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    overheats(office, signals={}, when="")
    office.tell("fault_found", "1")
    office.deliver()
    assert pictures(smtp_server.mails[0].message) == []


def test_what_was_measured_before_they_moved_in_is_not_shown(
        office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    overheats(office)
    office.change(Site, "alice-home", household_since=NOON)
    office.tell("fault_found", "1")
    office.deliver()
    assert pictures(smtp_server.mails[0].message) == []


def test_a_chart_that_cannot_be_read_keeps_no_message_back(
        office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    overheats(office)
    office.change(Reading, 1, signals="{")
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.note(key).state == "sent"
    assert pictures(smtp_server.mails[0].message) == []


@pytest.mark.parametrize("topic", ["outage", "technician_assigned", "still_looking"])
def test_a_mail_without_a_chart_asks_nothing_more(office: DeliveryDriver, smtp_server: servers.SmtpServer, topic: str
                                                  ) -> None:
    overheats(office)
    asked = statements(office)
    office.tell(topic, "1")
    office.deliver()
    assert not [one for one in asked if "FROM reading" in one]


def test_a_text_message_about_a_fault_asks_nothing_more(office: DeliveryDriver) -> None:
    overheats(office)
    answering(office, "sms")
    office.channels = {"sms": office.channels["sms"]}
    office.write(Contact(id="k-sms", owner_kind=RecipientKind.CUSTOMER, owner_id="alice", channel="sms",
                         address="+41790000009"))
    asked = statements(office)
    office.tell("fault_found", "1", created_at=NOON - HOUR)
    office.deliver()
    assert not [one for one in asked if "FROM reading" in one]
