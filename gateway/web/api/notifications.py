"""API routes for notifications with their attempts."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.reasons import reason_sentence
from gateway.store.views import api_lists
from gateway.web.api import filters, models
from gateway.web.api.models import Id
from gateway.web.dependencies import Gw, or_404
from gateway.web.problems import responses

router = APIRouter()


def _notification(row: Any) -> models.Notification:
    notification, attempts = row
    tries = [models.Attempt(**attempt.model_dump()) for attempt in attempts]
    reason = None if notification.reason is None else notification.reason.stored()
    why = None if reason is None else reason_sentence(reason, catalogue_for("en"))
    phase = f"{notification.topic}/{notification.occurrence}"
    return models.Notification(**notification.model_dump() | {"reason": reason}, why=why, attempts=tries, phase=phase,
                               recipient=str(notification.recipient))


@router.get("/notifications", summary="List notifications, with each try", tags=["notifications"])
def list_notifications(gw: Gw, query: Annotated[filters.Notifications, Query()]) -> models.NotificationPage:
    """Newest first."""
    with gw.store.read() as session:
        page = api_lists.notifications(session, query.wanted(), query.cursor, query.limit)
    return models.NotificationPage(items=[_notification(row) for row in page.rows], next=page.next)


@router.get("/notifications/{notification_id}", summary="One notification, with each try", tags=["notifications"],
            responses=responses(404))
def get_notification(gw: Gw, notification_id: Id) -> models.Notification:
    with gw.store.read() as session:
        return _notification(or_404(api_lists.notification(session, notification_id), "notification"))
