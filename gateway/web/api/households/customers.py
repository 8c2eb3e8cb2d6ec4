"""API routes for customers: list, read, change."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from gateway.flow import people
from gateway.flow.households.links import end_household_link, send_household_link
from gateway.model import Subject, SubjectKind
from gateway.store.views import households as views
from gateway.web.api import filters, models
from gateway.web.api.households.models import (
    Customer,
    CustomerChange,
    CustomerPage,
    NewCustomer,
    customer_model,
)
from gateway.web.api.models import Body, Id
from gateway.web.api.notifications import get_notification
from gateway.web.dependencies import HouseholdEditor, Reader, TicketWorker, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/customers", tags=["households"])


class PageLinkBody(Body):
    subject_kind: Literal[SubjectKind.TICKET, SubjectKind.CALLBACK, SubjectKind.OUTAGE] = Field(
        description="What their page is about.", examples=["ticket"])
    subject_id: Id = Field(examples=["T-4F7QK2M9"])


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


@router.post("/{customer_id}/page-link", summary="Send them the link to their page", status_code=201,
             responses=responses(404, 409))
def send_customer_page_link(by: TicketWorker, customer_id: Id, body: PageLinkBody) -> models.Notification:
    """Of an open ticket or callback of theirs, or an outage that they are in; to their first contact in use, for
    instance while they are on the telephone. Once a minute: 409 before. The answer is the message."""
    about = Subject(body.subject_kind, body.subject_id)
    return get_notification(by, people.send_page_link(by.gw, customer_id, about, by.who, by.now))


@router.post("/{customer_id}/household-link", summary="Send them the link to all that is open at their home",
             status_code=201, responses=responses(404, 409))
def send_customer_household_link(by: TicketWorker, customer_id: Id) -> models.Notification:
    """The one that works, else a new one; to their first contact in use. Once a minute: 409 before. The answer is the
    message."""
    return get_notification(by, send_household_link(by.gw, customer_id, by.who, by.now))


@router.delete("/{customer_id}/household-link", summary="End the link to all that is open at their home",
               status_code=204, responses=responses(404))
def end_customer_household_link(by: HouseholdEditor, customer_id: Id) -> None:
    """It opens nothing any more; ended already is as good. It ends by itself when somebody moves out."""
    end_household_link(by.gw, customer_id, by.who, by.now)
