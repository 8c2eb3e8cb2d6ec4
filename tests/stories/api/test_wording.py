"""How messages read, by the API: a preview for whoever reads, a test message for whoever puts texts into effect."""

from pathlib import Path

import httpx

from gateway.model import Audit
from gateway.notifications.catalogues import load_overrides
from gateway.notifications.channels import NotSent, Outcome, Sent
from gateway.notifications.messages import Message
from tests.drivers.web_driver import WebStory, is_problem


def worded(there: WebStory, folder: Path, name: str, text: str) -> None:
    path = folder / "wording" / f"{name}.j2"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    there.gw.messages = there.gw.messages.with_overrides(load_overrides(folder / "wording"))


def test_a_message_is_shown_in_its_language_with_what_it_costs(there: WebStory, reader: httpx.Client) -> None:
    shown = reader.get("wording/fault_found?language=de").json()
    assert shown["subject"].startswith("Heat pump")
    assert "Guten Tag Alice Keller" in shown["long_text"]
    assert "<html" in shown["long_html"]
    assert shown["sms"]["alphabet"] == "GSM-7"
    assert (shown["own"], shown["broken"]) == ([], [])


def test_your_own_words_are_shown_unless_the_built_in_ones_are_asked_for(
        there: WebStory, reader: httpx.Client, tmp_path: Path) -> None:
    worded(there, tmp_path, "de/fault_found.subject", "Störung: {{ device }}")
    shown = reader.get("wording/fault_found?language=de").json()
    assert (shown["subject"], shown["own"]) == ("Störung: Heat pump", ["subject"])
    ours = reader.get("wording/fault_found?language=de&built_in=true").json()
    assert (ours["subject"] == shown["subject"], ours["own"]) == (False, [])


def test_your_own_words_that_break_are_named_with_their_line(
        there: WebStory, reader: httpx.Client, tmp_path: Path) -> None:
    worded(there, tmp_path, "en/fault_found.short", "\n{{ say(severity) }}")
    shown = reader.get("wording/fault_found").json()
    assert shown["own"] == []
    assert shown["broken"] == [{"name": "en/fault_found.short", "why": "line 2: KeyError"}]


def test_what_nobody_has_worded_is_refused(there: WebStory, reader: httpx.Client) -> None:
    is_problem(reader.get("wording/fault_fond"), 422)
    is_problem(reader.get("wording/fault_found?language=xx"), 422)


def test_a_test_message_goes_to_the_address_that_an_operator_names_and_says_that_it_is_one(there: WebStory) -> None:
    sent: list[tuple[str, Message]] = []

    def send(address: str, message: Message, ref: str) -> Outcome:
        sent.append((address, message))
        return Sent("ok")

    there.gw.channels = {name: channel._replace(send=send) for name, channel in there.gw.channels.items()}
    with there.client(there.key("operator")) as operator:
        answer = operator.post("/api/v1/wording/outage/test-send", json={
            "language": "de", "channel": "email", "address": "me@example.com"})
    assert answer.json() == {"outcome": "sent", "why": ""}
    [(address, message)] = sent
    assert address == "me@example.com"
    for text in (message.subject, message.short, message.long_text):
        assert text.startswith("Nur ein Test, es ist nichts passiert:")
    assert "Nur ein Test" in message.long_html
    [line] = [line for line in there.all(Audit) if line.action == "send_test_message"]
    assert (line.object_kind, line.object_id) == ("wording", "outage")
    assert "me@example.com" not in str(line)


def test_a_test_message_that_cannot_be_sent_says_why_and_quotes_no_address(there: WebStory) -> None:
    def refuse(address: str, message: Message, ref: str) -> Outcome:
        return NotSent(True, "no such mailbox", said=f"550 <{address}> unknown")

    there.gw.channels = {name: channel._replace(send=refuse) for name, channel in there.gw.channels.items()}
    body = {"channel": "email", "address": "me@example.com"}
    with there.client(there.key("operator")) as operator:
        answer = operator.post("/api/v1/wording/outage/test-send", json=body).json()
        assert answer["outcome"] == "failed"
        assert answer["why"].startswith("no such mailbox: 550 ")
        assert "me@example.com" not in answer["why"]
        for wrong in ({"channel": "pigeon"}, {"address": "me"}, {"language": "xx"}):
            is_problem(operator.post("/api/v1/wording/outage/test-send", json=body | wrong), 422)


def test_nobody_else_sends_test_messages(there: WebStory, agent: httpx.Client) -> None:
    is_problem(agent.post("wording/outage/test-send", json={"channel": "email", "address": "me@example.com"}), 403)
