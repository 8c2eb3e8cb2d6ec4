"""What people were told, by the API: the words, for who may see them; once more where nobody was reached, one or all;
and their page, for who asks."""

import httpx

from gateway.model import (
    AttemptOutcome,
    Audit,
    Notification,
    NotificationState,
    Outage,
    OutageKind,
    OutageState,
    RecipientKind,
    SubjectKind,
)
from gateway.notifications.channels import NotSent, Outcome
from tests.drivers.web_driver import WebStory, is_problem, items


def test_the_words_are_there_for_who_may_see_them_without_the_customers_link(
        there: WebStory, agent: httpx.Client, reader: httpx.Client) -> None:
    there.break_down()
    there.wait()
    told = next(one for one in items(agent.get("notifications?topic=fault_found")) if one["attempts"])
    words = told["attempts"][0]["text"]
    assert "Compressor fault" in words
    assert "/f/" not in words
    assert all(attempt["text"] is None for one in items(reader.get("notifications")) for attempt in one["attempts"])


def test_a_message_that_reached_nobody_is_sent_again(there: WebStory, agent: httpx.Client) -> None:
    good = there.gw.channels
    def refuse(address: str, message: object, ref: str) -> Outcome:
        return NotSent(True, "no such mailbox")

    there.gw.channels = {name: channel._replace(send=refuse) for name, channel in good.items()}
    there.break_down()
    there.wait(seconds=1)
    row = there.one(Notification, Notification.topic == "fault_found", Notification.recipient_id == "alice")
    assert row.state is NotificationState.FAILED
    there.gw.channels = good
    there.wait(1)
    answer = agent.post(f"notifications/{row.id}/send-again")
    assert answer.json()["state"] == "queued"
    there.wait(seconds=1)
    found = agent.get(f"notifications/{row.id}").json()
    assert found["state"] == "sent"
    outcomes = [one["outcome"] for one in found["attempts"]]
    assert {*outcomes[:-1]} == {AttemptOutcome.REFUSED}
    assert outcomes[-1] == AttemptOutcome.SENT
    assert there.all(Audit)[-1].action == "send_again"
    is_problem(agent.post(f"notifications/{row.id}/send-again"), 409)
    is_problem(agent.post("notifications/N-00000000/send-again"), 404)


def test_they_are_sent_their_page_once_a_minute_and_only_what_is_theirs(
        there: WebStory, agent: httpx.Client, reader: httpx.Client) -> None:
    ticket, other = there.break_down(), there.break_down("bob-pump")
    body = {"subject_kind": "ticket", "subject_id": ticket.id}
    answer = agent.post("customers/alice/page-link", json=body)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["topic"], told["state"], told["subject_id"]) == ("page_link", "queued", ticket.id)
    there.wait(seconds=5)
    sent = agent.get(f"notifications/{told['id']}").json()
    assert sent["state"] == "sent"
    assert "/f/" not in sent["attempts"][-1]["text"]
    assert "/f/" in [message.text for message in there.messages if message.to == "alice@example.com"][-1]
    assert there.one(Audit, Audit.action == "send_page_link").object_id == "alice"
    assert "a moment ago" in is_problem(agent.post("customers/alice/page-link", json=body), 409)["detail"]
    for kind, wrong in (("ticket", other.id), ("callback", ticket.id), ("outage", "X-00000000")):
        is_problem(agent.post("customers/alice/page-link", json={"subject_kind": kind, "subject_id": wrong}), 404)
    is_problem(agent.post("customers/nobody/page-link", json=body), 404)
    is_problem(agent.post("customers/alice/page-link", json={**body, "subject_kind": "customer"}), 422)
    is_problem(reader.post("customers/alice/page-link", json=body), 403)


def failed_ones(there: WebStory, count: int) -> None:
    """Messages about one outage, to as many households, by which nobody was reached."""
    there.add(Outage(id="X-CUT", key="bachweg", name="Bachweg", kind=OutageKind.PLACE, state=OutageState.CONFIRMED,
                     began_at=there.now, last_at=there.now, suspected_at=there.now, confirmed_at=there.now))
    there.add(*(Notification(
        id=f"N-{number:03}", recipient_kind=RecipientKind.CUSTOMER, recipient_id=f"home-{number}", topic="outage",
        subject_kind=SubjectKind.OUTAGE, subject_id="X-CUT", occurrence="1", priority=1,
        state=NotificationState.FAILED, created_at=there.now + number, done_at=there.now) for number in range(count)))


def test_all_that_reached_nobody_about_an_outage_are_sent_again_as_many_as_the_role_may(
        there: WebStory, agent: httpx.Client, operator: httpx.Client, reader: httpx.Client) -> None:
    failed_ones(there, 231)
    path = "outages/X-CUT/send-again"
    assert agent.post(path).json() == {"sent": 20, "more": True}
    gone = there.all(Notification, Notification.state == NotificationState.QUEUED)
    assert sorted(row.id for row in gone) == [f"N-{number:03}" for number in range(20)], "the oldest first"
    assert operator.post(path).json() == {"sent": 200, "more": True}
    assert agent.post(path).json() == {"sent": 11, "more": False}
    assert agent.post(path).json() == {"sent": 0, "more": False}
    assert len([line for line in there.all(Audit) if line.action == "send_again"]) == 231
    is_problem(reader.post(path), 403)
    is_problem(agent.post("outages/X-00000000/send-again"), 404)
