"""API route for the search by number, name, address, telephone number and device."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from gateway.access.rights import Right
from gateway.flow.telephones import find
from gateway.store.search.terms import LONGEST_TEXT
from gateway.web.api.models import ApiModel
from gateway.web.dependencies import Reader
from gateway.web.routes import Routes

router = Routes(prefix="/search", tags=["search"])
Text = Annotated[str, Query(alias="q", min_length=1, max_length=LONGEST_TEXT, examples=["brunner lindenweg"],
                            description="As people say it; every word has to be there, or begin so.")]


class SearchHit(ApiModel):
    """One thing that was found."""

    id: str = Field(examples=["T-4F7QK2M9"])
    title: str = Field(examples=["T-4F7QK2M9"])
    context: str = Field(description="One line about it.", examples=["The heat pump is overheating · Alice Brunner"])
    state: str = Field(description="Of tickets, callbacks and outages.", examples=["assigned"])
    customer_id: str | None = Field(description="Whose it is; null: nobody's, or nobody lives there.")
    site_id: str | None


class SearchCaller(ApiModel):
    """A household with the telephone number that was typed, or one that ends like it."""

    customer_id: str
    person_id: str | None = Field(description="Whose number it is; null: the household's own.")
    name: str = Field(examples=["Erna Arber"])
    number: str = Field(description="E.164.", examples=["+41446681800"])
    context: str
    whole: bool = Field(description="It is the number that was typed, not only its end.")


class SearchResults(ApiModel):
    """In groups, the best of each first."""

    number: str | None = Field(description="What was typed is the number of just this one; of an offer or a visit its "
                                           "ticket's.", examples=["T-4F7QK2M9"])
    tickets: list[SearchHit] = Field(description="By their own number, an offer's or a visit's.")
    callbacks: list[SearchHit]
    outages: list[SearchHit] = Field(description="By their number, and those that the homes found are in.")
    callers: list[SearchCaller] = Field(description="Everybody who has the telephone number.")
    certain: bool = Field(description="Exactly one household has the whole number. Otherwise nobody may be taken for "
                                      "whoever calls.")
    customers: list[SearchHit]
    people: list[SearchHit]
    sites: list[SearchHit]
    devices: list[SearchHit]
    more: bool = Field(description="There may be more: another word narrows it down.")


@router.get("", summary="Find anything by what people say")
def search_anything(by: Reader, text: Text) -> SearchResults:
    """Numbers in any case, without prefix or dash; names without accents; streets abbreviated; telephone numbers in any
    form, or four digits of their end. By telephone number only for who may see how people are reached; that they saw
    it is written down."""
    found = find(by.gw, text, by.may(Right.READ_PHONES), by.who, by.now)
    groups = {name: [SearchHit(**hit._asdict()) for hit in getattr(found, name)]
              for name in ("tickets", "callbacks", "outages", "customers", "people", "sites", "devices")}
    return SearchResults(number=found.jump.id if found.jump is not None else None, certain=found.certain,
                         more=found.more, callers=[SearchCaller(**one._asdict()) for one in found.callers], **groups)
