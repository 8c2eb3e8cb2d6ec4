"""Customers with contacts and a provider who accepts every job, for the benchmarks' fleets."""

from collections.abc import Iterable

from gateway.config.fleet_rows import Contact, Customer, Provider, Technician, Territory

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def family(home: str) -> Customer:
    """The customer of this home, by the same id."""
    return Customer(id=home, name=f"Family {home}", contacts=[
        Contact(channel="webhook", address=f"https://homes.example/{home}")])


def firm(skills: list[str], areas: Iterable[str]) -> Provider:
    return Provider(
        id="firm", name="Firm", skills=skills, territory=Territory(areas=list(areas)),
        hours=ALWAYS, capacity=10_000, emergency=True,
        contacts=[Contact(channel="webhook", address="https://firm.example/")],
        technicians=[Technician(id="toni", name="Toni", skills=skills)])
