"""API routes for devices, their readings and commands, and unclaimed devices."""

import json
from typing import Annotated, Any

from fastapi import Query

from gateway.detection import memory
from gateway.model import ButtonTest, DeviceState, ExternalKind
from gateway.model import Command as Row
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.store import external_ids
from gateway.store.devices.button_tests import open_tests
from gateway.store.views import api_lists
from gateway.web.api import filters, models
from gateway.web.api.models import Command, Id
from gateway.web.dependencies import Gw, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(tags=["devices"])


def _facts(row: Any, names: dict[str, dict[str, str]]) -> dict[str, Any]:
    device, state = row
    known = (state or DeviceState(device_id=device.id)).model_dump(exclude={"signals", "memory"})
    return {**device.model_dump(), **known, "external_ids": names[device.id]}


@router.get("/devices", summary="List devices")
def list_devices(gw: Gw, query: Annotated[filters.Devices, Query()]) -> models.DevicePage:
    """By id."""
    with gw.store.read() as session:
        page = api_lists.devices(session, query.wanted(), query.cursor, query.limit)
        names = external_ids.of_rows(session, ExternalKind.DEVICE, [row[0].id for row in page.rows])
    return models.DevicePage(items=[models.Device(**_facts(row, names)) for row in page.rows], next=page.next)


@router.get("/devices/{device_id}", summary="One device, with its last signals", responses=responses(404))
def get_device(gw: Gw, device_id: Id) -> models.DeviceDetail:
    with gw.store.read() as session:
        row = or_404(api_lists.device(session, device_id), "device")
        test = open_tests(session, [device_id]).get(device_id)
        names = external_ids.of_rows(session, ExternalKind.DEVICE, [device_id])
    state = row[1]
    signals = json.loads(state.signals) if state else {}
    remembered = memory.loads(state.memory)[0] if state else memory.HEALTHY
    return models.DeviceDetail(**_facts(row, names), signals=signals, rules=memory.active_rules(remembered),
                               button_test=None if test is None else models.ButtonTest(**test.model_dump()))


@router.get("/button-tests", summary="How emergency buttons prove themselves")
def list_button_tests(gw: Gw, query: Annotated[filters.ButtonTests, Query()]) -> models.ButtonTestPage:
    """The one that was last planned for comes first."""
    with gw.store.read() as session:
        page = api_lists.button_tests(session, query.wanted(), query.cursor, query.limit)
    return models.ButtonTestPage(items=[models.ButtonTest(**row.model_dump()) for row in page.rows], next=page.next)


@router.get("/button-tests/{test_id}", summary="One test of an emergency button", responses=responses(404))
def get_button_test(gw: Gw, test_id: Id) -> models.ButtonTest:
    with gw.store.read() as session:
        return models.ButtonTest(**or_404(session.get(ButtonTest, test_id), "button test").model_dump())


@router.get("/devices/{device_id}/readings", summary="What it measured", responses=responses(404))
def list_readings(gw: Gw, device_id: Id, query: Annotated[filters.Period, Query()]) -> models.ReadingPage:
    """Newest first, by the device's own time."""
    with gw.store.read() as session:
        or_404(api_lists.device(session, device_id), "device")
        page = api_lists.readings(session, device_id, query.wanted(), query.cursor, query.limit)
    items = [models.Reading(**{**row.model_dump(), "signals": json.loads(row.signals)}) for row in page.rows]
    return models.ReadingPage(items=items, next=page.next)


@router.get("/devices/{device_id}/commands", summary="What it was told", responses=responses(404))
def list_commands(gw: Gw, device_id: Id, query: Annotated[filters.Period, Query()]) -> models.CommandPage:
    """Newest first."""
    with gw.store.read() as session:
        or_404(api_lists.device(session, device_id), "device")
        page = api_lists.commands(session, device_id, query.wanted(), query.cursor, query.limit)
    return models.CommandPage(items=[command_of(row, catalogue_for("en")) for row in page.rows], next=page.next)


@router.get("/unclaimed-devices", summary="What speaks and nobody has claimed")
def list_unclaimed_devices(gw: Gw, query: Annotated[filters.Pagination, Query()]) -> models.UnclaimedPage:
    """By key. Claim one by adding it to the fleet file."""
    with gw.store.read() as session:
        page = api_lists.unclaimed(session, query.cursor, query.limit)
    return models.UnclaimedPage(items=[models.Unclaimed(**row.model_dump()) for row in page.rows], next=page.next)


def command_of(row: Row, catalogue: Catalogue) -> Command:
    """`catalogue`: in which language `why` is said."""
    why = None if row.reason is None else catalogue(f"reason.{row.reason}")
    return Command(**row.model_dump(), why=why)
