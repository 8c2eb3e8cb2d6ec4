"""API routes for customers: list, read, change."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.flow import people
from gateway.store.views import households as views
from gateway.web.api import filters
from gateway.web.api.households.models import (
    Customer,
    CustomerChange,
    CustomerPage,
    NewCustomer,
    customer_model,
)
from gateway.web.api.models import Id
from gateway.web.dependencies import HouseholdEditor, Reader, or_404
from gateway.web.problems import responses

router = APIRouter(prefix="/customers", tags=["households"])


@router.get("", summary="List customers")
def list_customers(by: Reader, query: Annotated[filters.Named, Query()]) -> CustomerPage:
    """By id."""
    with by.gw.store.read() as session:
        page = views.customers(session, query.wanted(), query.cursor, query.limit)
    return CustomerPage(items=[customer_model(row, by) for row in page.rows], next=page.next)


@router.post("", summary="A household that is new here", status_code=201, responses=responses(409))
def add_customer(by: HouseholdEditor, body: NewCustomer) -> Customer:
    """It has no site yet: `POST /sites/{id}/household` says where it lives, `POST /people` who belongs to it."""
    quiet = body.quiet_hours or (None, None)
    people.add_customer(by.gw, body.id, {"name": body.name, "locale": body.locale, "timezone": body.timezone,
                                         "quiet_from": quiet[0], "quiet_until": quiet[1]}, by.who, by.now)
    return get_customer(by, body.id)


@router.get("/{customer_id}", summary="One customer", responses=responses(404))
def get_customer(by: Reader, customer_id: Id) -> Customer:
    with by.gw.store.read() as session:
        return customer_model(or_404(views.one_customer(session, customer_id), "customer"), by)


@router.patch("/{customer_id}", summary="Change name, language or quiet hours", responses=responses(404))
def patch_customer(by: HouseholdEditor, customer_id: Id, body: CustomerChange) -> Customer:
    """What is left out stays as it is. The next import of a fleet file that names the customer has the last word."""
    given = body.model_dump(exclude_unset=True)
    values = {name: given[name] for name in ("name", "locale") if given.get(name) is not None}
    if "quiet_hours" in given:
        values["quiet_from"], values["quiet_until"] = body.quiet_hours or (None, None)
    people.change_customer(by.gw, customer_id, values, by.who, by.now)
    return get_customer(by, customer_id)
