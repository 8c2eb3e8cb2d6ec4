"""Sends notifications through Apprise, with URL templates that only the operator writes."""

import logging
import re
import warnings
from typing import Literal
from urllib.parse import quote

import apprise
from apprise.result import AppriseResult, AppriseResultStatus

from gateway.notifications.channels.address import check_address
from gateway.notifications.channels.outcome import Channel, NotSent, Outcome, Sent, Unknown, refused_status
from gateway.notifications.messages import Message

WAIT_S = 15.0
SHORT_BELOW = 1000  # a service that carries fewer characters than this gets the short form: every SMS gateway does

# Plugins log telephone numbers at INFO and whole payloads at DEBUG; urllib3 logs paths, which hold addresses
_log = logging.getLogger("apprise")
_log.propagate = False
_log.addHandler(logging.NullHandler())
_log.setLevel(logging.DEBUG)  # yet we read these lines back from each result: see _failure
logging.getLogger("urllib3").setLevel(logging.WARNING)

def channel(name: str, template: str, wait_s: float = WAIT_S) -> Channel:
    """A Channel over one template, e.g. `twilio://sid:token@+41…/{address}`; ValueError if Apprise cannot use it."""
    scheme = template.partition("://")[0].lower()
    plugins = apprise.NotificationManager()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a plugin's own import of imghdr
        plugins.load_modules()  # type: ignore[no-untyped-call]
    if "{address}" not in template or scheme not in plugins:
        raise ValueError(f"channels.apprise.{name}: expected an Apprise URL with {{address}}; "
                         f"{scheme!r} is {'known' if scheme in plugins else 'not a service Apprise knows'}")
    carries = plugins[scheme].body_maxlen  # a property where it depends on the mode of an SMS service (Twilio, SNS)
    asset = apprise.AppriseAsset(
        app_id="Service gateway", http_redirects=False, async_mode=False, service_timeout=wait_s, allow_templates=False)
    form: Literal["short", "long"] = "long" if isinstance(carries, int) and carries >= SHORT_BELOW else "short"

    def service_for(address: str) -> apprise.NotifyBase | NotSent:
        if check_address(name, address):  # imported long ago perhaps, when this name meant another channel
            return NotSent(True, "not a usable address", kind="unusable")
        service = apprise.Apprise.instantiate(
            template.replace("{address}", quote(address, safe="")), asset=asset, suppress_exceptions=True)
        if not isinstance(service, apprise.NotifyBase):
            return NotSent(True, "Apprise could not make a service of this address", kind="unusable")
        return service

    def send(address: str, message: Message, ref: str) -> Outcome:
        service = service_for(address)
        if isinstance(service, NotSent):
            return service
        service.redirects = False  # the URL's own ?redirect=yes would win over the asset
        service.retry = 0  # ?retry= would repeat an unknown outcome without telling us
        service.socket_read_timeout = 2 * wait_s  # else a slow answer (4 s) is reported as a failure; it is unknown
        body, title = (message.short, "") if form == "short" else (message.long_text, message.subject)
        sending = apprise.Apprise(asset=asset)
        sending.add(service)
        with sending.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT,
                            log_level=logging.DEBUG) as result:
            return outcome(result, ref)

    def check(address: str) -> NotSent | None:
        service = service_for(address)
        return service if isinstance(service, NotSent) else None

    return Channel(name, form, send, check)


def outcome(result: AppriseResult, ref: str) -> Outcome:
    """Reads the one attempt of the one service: the overall status may hide it (`?optional=yes` makes it SUCCESS)."""
    attempts = [attempt for service in result for attempt in service]
    if not attempts:
        return NotSent(True, "Apprise found no service to send with")
    status = attempts[-1].status
    if status == AppriseResultStatus.SUCCESS:
        return Sent(ref)
    if status != AppriseResultStatus.FAILURE:
        return Unknown("no answer in time")
    return _failure([entry.message for entry in attempts[-1]])


def _failure(log: list[str]) -> NotSent | Unknown:
    """Why it failed, from what the plugin logged: Apprise gives no other sign (no status code, no exception)."""
    said = next((" ".join(line.split())[:300] for line in reversed(log) if "error" in line or "rror:" in line), "")
    broken = next((line for line in log if line.startswith("Socket Exception")), None)
    if broken is not None:
        if "Max retries exceeded" in broken:  # requests' words for "never got a connection"
            return NotSent(False, "no connection to the service", kind="unreachable", said=said,
                           ours="Too many open files" in broken)
        return Unknown("the connection broke after the request was sent", said=said)
    answered = next((found for line in log if (found := re.search(r"\berror=(\d{3})\b", line))), None)
    if answered is None:
        return NotSent(False, "the service did not take it", said=said)
    status = int(answered[1])
    if status in (401, 403):  # our own account: the operator can mend it while we try again
        return NotSent(False, f"the service refused our account ({status})", kind="login refused", said=said)
    # 410 may be about the operator's account or endpoint: Apprise does not say, so no contact is stopped for it
    refused = refused_status(status)
    return NotSent(refused.permanent, f"the service answered {status}", kind=refused.kind, said=said)
