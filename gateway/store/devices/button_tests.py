"""Loads what the tests of emergency buttons need: who is reached by message, and which buttons have no test yet."""

from collections.abc import Collection, Iterable

from sqlalchemy import exists
from sqlmodel import Session, col, select

from gateway.config.phone_numbers import PHONE
from gateway.model import ButtonTest, Device, Need
from gateway.store.households import Household, households
from gateway.tickets.context import SiteWork


def note_reach(session: Session, works: Iterable[SiteWork]) -> None:
    """Whether a message reaches the households, or somebody there can only be rung."""
    by_home = {(work.customer.id, work.site.id): work for work in works}
    for home, household in households(session, by_home).items():
        by_home[home[0], home[1] or ""].reached_by_message = _reached_by_message(household)


def open_tests(session: Session, device_ids: Collection[str]) -> dict[str, ButtonTest]:
    """Device id → its open test."""
    if not device_ids:
        return {}
    return {test.device_id: test for test in session.exec(select(ButtonTest).where(
        col(ButtonTest.device_id).in_(device_ids), col(ButtonTest.closed_at).is_(None)))}


def without_test(session: Session, profiles: Collection[str], most: int) -> list[str]:
    """Ids of devices of these profiles that have no open test, at most so many."""
    tested = exists().where(col(ButtonTest.device_id) == Device.id, col(ButtonTest.closed_at).is_(None))
    return list(session.exec(select(Device.id).where(
        col(Device.profile).in_(profiles), col(Device.retired_at).is_(None), ~tested).order_by(Device.id).limit(most)))


def tested_in_vain(session: Session, profiles: Collection[str], most: int) -> list[str]:
    """Ids of devices with an open test whose profile is none of these, at most so many."""
    return list(session.exec(select(Device.id).join(ButtonTest, col(ButtonTest.device_id) == Device.id).where(
        col(ButtonTest.closed_at).is_(None), col(Device.profile).not_in(profiles)).order_by(Device.id).limit(most)))


def _reached_by_message(household: Household) -> bool:
    landline_only = any(Need.LANDLINE_ONLY in one.needs for one in household.residents)
    return not landline_only and any(
        one.channel != PHONE and one.stopped_at is None for one in household.for_messages)
