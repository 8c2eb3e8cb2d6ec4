"""How messages read, by the API: a preview for whoever reads, a test message for whoever puts texts into effect."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from gateway.flow.housekeeping import forget
from gateway.flow.messages.capped_test_send import AN_HOUR_ACCOUNT, AN_HOUR_ADDRESS
from gateway.model import DAY, Audit, SentTest
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


def sends(there: WebStory) -> list[str]:
    """Every channel keeps to whom it sent."""
    sent: list[str] = []

    def send(address: str, message: Message, ref: str) -> Outcome:
        sent.append(address)
        return Sent("ok")

    there.gw.channels = {name: channel._replace(send=send) for name, channel in there.gw.channels.items()}
    return sent


def test_a_test_message_with_the_same_key_goes_out_once(there: WebStory) -> None:
    sent, headers = sends(there), there.key("operator")
    body = {"channel": "email", "address": "me@example.com"}
    with there.client(headers) as operator:
        for key in ("a", "a", "b"):
            answer = operator.post("/api/v1/wording/outage/test-send", json=body, headers={"Idempotency-Key": key})
            assert answer.json() == {"outcome": "sent", "why": ""}
        assert len(sent) == 2
        for path, other in (("outage", body | {"language": "de"}), ("survey", body)):
            told = is_problem(operator.post(f"/api/v1/wording/{path}/test-send", json=other,
                                            headers={"Idempotency-Key": "a"}), 422)
            assert told["errors"][0]["field"] == "header.Idempotency-Key"
        is_problem(operator.post("/api/v1/wording/outage/test-send", json=body,
                                 headers={"Idempotency-Key": "x" * 201}), 422)
    with there.client(there.key("operator", "Otto")) as another:  # whose key it is counts
        another.post("/api/v1/wording/outage/test-send", json=body, headers={"Idempotency-Key": "a"})
    assert len(sent) == 3
    assert len(there.all(Audit, Audit.action == "send_test_message")) == 3
    assert "me@example.com" not in str(there.all(SentTest))
    there.now += 2 * DAY
    forget(there.gw, there.now)
    assert there.all(SentTest) == []


def test_so_many_test_messages_go_to_one_address_and_by_one_key_in_an_hour(there: WebStory) -> None:
    sent = sends(there)
    with there.client(there.key("operator")) as operator:
        def post(address: str) -> httpx.Response:
            return operator.post("/api/v1/wording/outage/test-send", json={"channel": "email", "address": address})

        for _ in range(AN_HOUR_ADDRESS):
            assert post("me@example.com").status_code == 200
        refused = post("me@example.com")
        assert "to this address within an hour are enough" in is_problem(refused, 429)["detail"]
        assert refused.headers["retry-after"] == "3600"
        for number in range(AN_HOUR_ACCOUNT - AN_HOUR_ADDRESS):
            assert post(f"a{number}@example.com").status_code == 200
        assert "by you within an hour" in is_problem(post("new@example.com"), 429)["detail"]
        assert len(sent) == AN_HOUR_ACCOUNT
        with there.client(there.key("operator", "Otto")) as another:
            is_problem(another.post("/api/v1/wording/outage/test-send", json={
                "channel": "email", "address": "me@example.com"}), 429)
        there.wait(minutes=61)
        assert post("me@example.com").status_code == 200


def test_twenty_requests_at_once_with_one_key_send_one_message(there: WebStory) -> None:
    sent, headers = sends(there), there.key("operator") | {"Idempotency-Key": "a"}

    def post(_: int) -> int:
        with there.client(headers) as operator:
            return operator.post("/api/v1/wording/outage/test-send", json={
                "channel": "email", "address": "me@example.com"}).status_code

    with ThreadPoolExecutor(20) as crowd:
        assert set(crowd.map(post, range(20))) == {200}
    assert sent == ["me@example.com"]


def test_a_key_of_the_voice_bridge_sees_no_wording(there: WebStory) -> None:
    with there.client(there.key("bridge")) as bridge:
        is_problem(bridge.get("/api/v1/wording/outage"), 403)
        is_problem(bridge.get("/api/v1/customers/alice/preferences"), 403)
