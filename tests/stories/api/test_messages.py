"""What people were told, by the API: the words, for who may see them; and once more where nobody was reached."""

import httpx

from gateway.model import AttemptOutcome, Audit, Notification, NotificationState
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
