"""API routes for notifications with their attempts."""

from typing import Annotated, Any

from fastapi import Query

from gateway.access.rights import Right
from gateway.flow.act import send_again
from gateway.model import ExternalKind
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.reasons import reason_sentence
from gateway.store import external_ids
from gateway.store.views import api_lists
from gateway.web.api import filters, models
from gateway.web.api.models import Id
from gateway.web.dependencies import Reader, TicketWorker, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes()


def _notification(row: Any, names: dict[str, dict[str, str]], may_see: bool) -> models.Notification:
    notification, attempts = row
    tries = [models.Attempt(**attempt.model_dump(), text=attempt.said or None if may_see else None)
             for attempt in attempts]
    reason = None if notification.reason is None else notification.reason.stored()
    why = None if reason is None else reason_sentence(reason, catalogue_for("en"))
    phase = f"{notification.topic}/{notification.occurrence}"
    return models.Notification(**notification.model_dump() | {"reason": reason}, why=why, attempts=tries, phase=phase,
                               recipient=str(notification.recipient), external_ids=names[notification.id])


@router.get("/notifications", summary="List notifications, with each try", tags=["notifications"])
def list_notifications(by: Reader, query: Annotated[filters.Notifications, Query()]) -> models.NotificationPage:
    """Newest first."""
    with by.gw.store.read() as session:
        page = api_lists.notifications(session, query.wanted(), query.cursor, query.limit)
        names = external_ids.of_rows(session, ExternalKind.NOTIFICATION, [row[0].id for row in page.rows])
    return models.NotificationPage(items=[_notification(row, names, by.may(Right.READ_PHONES)) for row in page.rows],
                                   next=page.next)


@router.get("/notifications/{notification_id}", summary="One notification, with each try", tags=["notifications"],
            responses=responses(404))
def get_notification(by: Reader, notification_id: Id) -> models.Notification:
    with by.gw.store.read() as session:
        row = or_404(api_lists.notification(session, notification_id), "notification")
        names = external_ids.of_rows(session, ExternalKind.NOTIFICATION, [notification_id])
    return _notification(row, names, by.may(Right.READ_PHONES))


@router.post("/notifications/{notification_id}/send-again", summary="Try once more to reach them",
             tags=["notifications"], responses=responses(404, 409))
def send_notification_again(by: TicketWorker, notification_id: Id) -> models.Notification:
    """Only one by which nobody was reached (`failed`), for instance after you have corrected the address. What is no
    longer true is not sent: it is dropped."""
    send_again(by.gw, notification_id, by.who, by.now)
    return get_notification(by, notification_id)
