"""Rows that belong to no session."""

import pytest
from sqlalchemy.orm import configure_mappers

from gateway.model import Area, AreaKind
from gateway.model.row import columns_of, kind_of, unattached, unwatched


def row() -> Area:
    return unattached(Area, dict.fromkeys(columns_of(Area)) | {"id": "street", "name": "Mill Street"})


def test_a_row_of_no_session_reads_and_takes_the_same_columns_as_its_model() -> None:
    street = row()
    street.name = "Mill Lane"
    assert (street.id, street.name, street.parent_id) == ("street", "Mill Lane", None)
    assert isinstance(street, Area)
    assert kind_of(street) is Area
    assert (street.model_dump()["name"], street) == ("Mill Lane", row().model_copy(update={"name": "Mill Lane"}))
    with pytest.raises(AttributeError, match="Area has no nmae"):
        street.nmae = "Mill Row"


def test_a_row_that_was_made_in_the_ordinary_way_is_of_its_own_kind() -> None:
    configure_mappers()
    assert kind_of(Area(id="street", kind=AreaKind.PLACE, name="Mill Street")) is Area


def test_a_value_that_was_never_given_is_an_error_and_not_nothing() -> None:
    street = unwatched(Area, id="street", kind=AreaKind.PLACE)
    with pytest.raises(AttributeError):
        _ = street.name
