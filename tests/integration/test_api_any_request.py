"""Whatever a client sends, with a key of any role: no answer of 500 and above, and each as it is described.

API_SECONDS: for so long for each role, with other examples each time (scripts/endurance); else a few of each route.
"""

import os
import time
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from gateway.flow.act import save_answer
from gateway.model import Actor, ActorKind, Notification, Offer, Role, Subject, SubjectKind, User, Visit
from gateway.store import Store
from tests.drivers.web_driver import WebStory, web_story

SECONDS = float(os.environ.get("API_SECONDS", "0"))
EXAMPLES = {Role.AGENT: 8, Role.OPERATOR: 5, Role.READ: 3}  # of each route; of the other roles, which may little, 2


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


def ids_of(there: WebStory) -> dict[str, str]:
    """What there is, by the names that paths have for it."""
    ticket, callback = there.break_down(), there.call_for_help()
    offer = there.one(Offer, Offer.ticket_id == ticket.id)
    there.accept()
    there.user("agent")
    answer = save_answer(there.gw, Subject(SubjectKind.TICKET, ticket.id), {"en": "Somebody comes"}, False,
                         Actor(ActorKind.AGENT, "Dana"), there.now)
    there.wait()
    return {"ticket_id": ticket.id, "callback_id": callback.id, "offer_id": offer.id,
            "visit_id": there.one(Visit, Visit.ticket_id == ticket.id).id, "device_id": "alice-pump",
            "customer_id": "alice", "site_id": "alice-home", "provider_id": "kunz", "alarm_id": there.alarms[0].id,
            "user_id": there.one(User).id, "notification_id": there.all(Notification)[0].id, "answer_id": answer,
            "system": "crm"}


@pytest.mark.slow
@pytest.mark.timeout(600 + 3 * SECONDS)
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("role", list(Role))
def test_nothing_that_a_client_can_send_breaks_the_api_and_every_answer_is_as_described(there: WebStory, role: Role
                                                                                        ) -> None:
    ids, headers, checks = ids_of(there), there.key(role), schemathesis.checks
    kept = [checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
            checks.response_schema_conformance]
    found: Any = schemathesis.openapi.from_url(f"{there.base}/openapi.json").get_all_operations()
    operations, until = [one.ok() for one in found], time.monotonic() + SECONDS

    def try_all() -> None:
        for operation in operations:
            @settings(max_examples=EXAMPLES.get(role, 2), deadline=None, phases=[Phase.generate],
                      suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy())
            def ask(case: Any) -> None:
                for name, value in (case.path_parameters or {}).items():
                    if name in ids and len(str(value)) % 3:  # what is there, and now and then something else
                        case.path_parameters[name] = ids[name]
                if "wait" in (case.query or {}):
                    case.query["wait"] = 0
                case.call_and_validate(headers=headers, checks=kept)

            ask()

    try_all()
    while time.monotonic() < until:
        try_all()
