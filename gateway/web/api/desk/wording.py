"""API routes for how messages read: a preview of each, and a test message to an address."""

from typing import Annotated, Literal

from fastapi import Header, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway
from gateway.flow.messages.capped_test_send import OtherRequest, TestSend, TooMany, send_test
from gateway.flow.messages.test_send import BadContact, NoWording, channel_for, example
from gateway.model import AttemptOutcome, Instant
from gateway.model.plan import Plan
from gateway.notifications.messages import Message
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.overrides import Form
from gateway.notifications.wording.sms import sms_size
from gateway.web.api.models import ApiModel, Body, Line
from gateway.web.dependencies import Publisher, Reader
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/wording", tags=["notifications"])
Language = Annotated[str, Field(min_length=2, max_length=20, description="One that is written.", examples=["de"])]

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200,
                                   description="A name of your own for this one, e.g. a UUID.")]


class SmsSize(ApiModel):
    """What the short text costs, its link included."""

    alphabet: Literal["GSM-7", "UCS-2"] = Field(examples=["GSM-7"])
    units: int = Field(description="Characters of that alphabet.", examples=[142])
    parts: int = Field(examples=[1])


class BrokenWording(ApiModel):
    """A template of your own that could not be used: the built-in wording stands in for it."""

    name: str = Field(examples=["de/fault_found.short"])
    why: str = Field(examples=["line 2: TypeError"])


class Wording(ApiModel):
    """How a message reads, on an example in which everything is known."""

    topic: str = Field(examples=[TopicName.FAULT_FOUND])
    language: str = Field(examples=["de"])
    subject: str = Field(examples=["Wärmepumpe: Störung gemeldet (T-7F4QK2M9)"])
    short: str = Field(description="SMS and chat.", examples=["Wärmepumpe: zu heiß. T-7F4QK2M9 …/f/…"])
    long_text: str = Field(examples=["Guten Tag Alice Keller, …"])
    long_html: str = Field(examples=["<!doctype html>…"])
    sms: SmsSize
    own: list[Form] = Field(description="What stands in your own words.", examples=[["short"]])
    broken: list[BrokenWording] = Field(examples=[[]])


class TestBody(Body):
    """To whom an example goes, marked as a test."""

    language: Language = "en"
    channel: Line = Field(examples=["email"])
    address: Line = Field(examples=["me@example.com"])
    built_in: bool = Field(False, description="Not in your own words.")


class TestOutcome(ApiModel):
    """What became of a test message."""

    outcome: AttemptOutcome = Field(description="unknown: it may have arrived.", examples=[AttemptOutcome.SENT])
    why: str = Field(description="Empty when it was sent.", examples=[""])


@router.get("/{topic}", summary="How a message reads")
def preview_wording(by: Reader, topic: str, language: Annotated[str, Query(max_length=20)] = "en",
                    built_in: Annotated[bool, Query(description="Not in your own words.")] = False) -> Wording:
    """On an example in which everything is known; nothing is sent."""
    message = _example(by.gw, topic, language, by.now, built_in, "query")
    broken = {one.name for one in message.broken}
    theirs = {form: None if built_in else by.gw.messages.overrides.of(topic, language.replace("-", "_"), form)
              for form in Form}
    return Wording(
        topic=topic, language=language, subject=message.subject, short=message.short, long_text=message.long_text,
        long_html=message.long_html, sms=SmsSize(**sms_size(message.short)._asdict()),
        own=[form for form, override in theirs.items() if override is not None and override.name not in broken],
        broken=[BrokenWording(name=one.name, why=one.why) for one in message.broken])


@router.post("/{topic}/test-send", summary="Send an example of a message, marked as a test",
             responses=responses(429))
def send_test_message(by: Publisher, topic: str, body: TestBody, idempotency_key: Key = None) -> TestOutcome:
    """To one address that you name, 5 an hour there and 30 an hour by your key: then 429, and `Retry-After` says when.
    With the same `Idempotency-Key` within a day nothing is sent again, and the answer is the first one. The text is
    not stored; who sent it is in the audit log, and to whom is not."""
    message = _example(by.gw, topic, body.language, by.now, body.built_in, "body", is_test=True)
    try:
        channel = channel_for(by.gw.settings, by.gw.channels, body.channel, body.address)
    except BadContact as bad:
        field = "address" if body.channel in by.gw.channels else "channel"
        raise RequestValidationError([{"loc": ("body", field), "msg": str(bad)}]) from None
    wanted = TestSend(by.who.account, body.address, f"{topic} {body.model_dump_json()}", idempotency_key or "")
    try:
        outcome, why = send_test(
            by.gw.store, by.gw.settings.secret.get_secret_value(), wanted, channel, message,
            lambda session: write_act(session, "send_test_message", ("wording", topic), Plan(), by.who, by.now), by.now)
    except TooMany as many:
        raise HTTPException(429, f"{many}.", {"Retry-After": str(many.seconds)}) from None
    except OtherRequest as other:
        raise RequestValidationError([{"loc": ("header", "Idempotency-Key"), "msg": str(other)}]) from None
    return TestOutcome(outcome=outcome, why=why)


def _example(gw: Gateway, topic: str, language: str, now: Instant, built_in: bool, where: str, *, is_test: bool = False
             ) -> Message:
    """422 for what is not worded; the path names the topic."""
    try:
        return example(gw.settings, gw.messages, topic, language, now, ours=built_in, is_test=is_test)
    except NoWording as bad:
        loc = ("path", "topic") if bad.field == "topic" else (where, bad.field)
        raise RequestValidationError([{"loc": loc, "msg": str(bad)}]) from None
