"""What people do until somebody comes: a profile says it, and the customer's page shows it."""

from dataclasses import replace

from gateway.devices.profiles import Profile
from gateway.model import Customer
from gateway.store import Store
from gateway.tickets.actions import Arrive, Finish
from tests.drivers.web_driver import WebStory, read, web_story

ADVICE = {"en": "Turn off the main tap.", "de": "Drehen Sie den Haupthahn zu."}


def advised(profile: Profile) -> Profile:
    """The same with advice for the fault code E7."""
    return replace(profile, faults={**profile.faults, "E7": replace(profile.faults["E7"], advice=ADVICE)})


def story(store: Store) -> WebStory:
    there = web_story(store, country="GB")
    there.gw.profiles["heat-pump"] = advised(there.gw.profiles["heat-pump"])
    return there


def test_the_page_says_what_to_do_until_it_is_settled(store: Store) -> None:
    there = story(store)
    ticket = there.break_down()
    page = there.follow(ticket)
    with there.client() as web:
        assert "What to do now Turn off the main tap. If anyone is in danger, call 999 now." in read(web.get(page))
        there.change(there.one(Customer, Customer.id == "alice"), locale="de")
        assert "Drehen Sie den Haupthahn zu." in read(web.get(page))
        there.accept()
        visit = there.again(ticket).visit_id
        there.act(Arrive(visit), "technician Karin Kunz")
        there.act(Finish(visit, "Valve replaced"), "technician Karin Kunz")
        assert "Haupthahn" not in read(web.get(page))


def test_a_cause_without_advice_has_no_such_card(store: Store) -> None:
    there = web_story(store)
    with there.client() as web:
        assert "What to do now" not in read(web.get(there.follow(there.break_down())))


def test_a_rule_and_every_other_fault_code_have_their_advice(store: Store) -> None:
    profile = advised(web_story(store).gw.profiles["heat-pump"])
    assert profile.advice("fault:E7") == ADVICE
    assert profile.advice("fault:never seen") is None
    rule = profile.rules[0]
    assert replace(profile, rules=(replace(rule, advice=ADVICE),)).advice(rule.name) == ADVICE
    assert profile.advice("silent") is None
