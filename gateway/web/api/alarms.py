"""API routes for alarms: list, read, acknowledge."""

from typing import Annotated, Any

from fastapi import Query

from gateway.model import Alarm, Command, ExternalKind, Site
from gateway.notifications.catalogues import catalogue_for
from gateway.store import external_ids
from gateway.store.views import api_lists
from gateway.tickets.actions import AcknowledgeAlarm
from gateway.web.api import filters, models
from gateway.web.api.devices import command_of
from gateway.web.api.models import Id
from gateway.web.api.timelines import timeline_page
from gateway.web.dependencies import AlarmWorker, Gw, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/alarms", tags=["alarms"])


def _alarm(row: Any, names: dict[str, dict[str, str]]) -> models.Alarm:
    alarm, device, command = row
    by = alarm.suppressed_by
    return models.Alarm(**alarm.model_dump(), why=alarm.evidence, monitor=alarm.dry_run, device_name=device.name,
                        held_by=None if by is None else str(by), first_try=_first_try(alarm, command),
                        external_ids=names[alarm.id])


def _first_try(alarm: Alarm, command: Command | None) -> models.FirstTry | None:
    tried = alarm.evidence.get("first_try")
    if tried is None:
        return None
    sent = command_of(command, catalogue_for("en")) if command is not None else None
    return models.FirstTry(**{"outcome": None, **tried}, try_until=alarm.try_until, sent=sent)


def _one(gw: Gw, alarm_id: str) -> models.Alarm:
    with gw.store.read() as session:
        return _alarm(or_404(api_lists.alarm(session, alarm_id), "alarm"),
                      external_ids.of_rows(session, ExternalKind.ALARM, [alarm_id]))


@router.get("", summary="List alarms")
def list_alarms(gw: Gw, query: Annotated[filters.Alarms, Query()]) -> models.AlarmPage:
    """Newest first."""
    with gw.store.read() as session:
        page = api_lists.alarms(session, query.wanted(), query.cursor, query.limit)
        names = external_ids.of_rows(session, ExternalKind.ALARM, [row[0].id for row in page.rows])
    return models.AlarmPage(items=[_alarm(row, names) for row in page.rows], next=page.next)


@router.get("/{alarm_id}", summary="One alarm, with the values behind it", responses=responses(404))
def get_alarm(gw: Gw, alarm_id: Id) -> models.Alarm:
    return _one(gw, alarm_id)


@router.get("/{alarm_id}/timeline", summary="What was tried from afar, and why", responses=responses(404))
def get_alarm_timeline(gw: Gw, alarm_id: Id, query: Annotated[filters.Timeline, Query()]) -> models.EntryPage:
    """Oldest first; what follows once somebody is sent is in the ticket's timeline."""
    with gw.store.read() as session:
        alarm, *_ = or_404(api_lists.alarm(session, alarm_id), "alarm")
        zone = session.get_one(Site, alarm.site_id).timezone
        page = api_lists.timeline(session, alarm_id, query.cursor, query.limit)
    return timeline_page(page, query.language, zone)


@router.post("/{alarm_id}/acknowledge", summary="Say that somebody has seen it", responses=responses(404, 409))
def acknowledge_alarm(by: AlarmWorker, alarm_id: Id) -> models.Alarm:
    by(AcknowledgeAlarm(alarm_id))
    return _one(by.gw, alarm_id)
