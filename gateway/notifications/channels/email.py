"""Sends e-mail by SMTP: one message, one recipient, every server answer checked."""

import html
import logging
import re
import smtplib
import ssl
from base64 import b64encode
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from gateway.config.branding.logo import Logo
from gateway.config.settings import Smtp
from gateway.monitoring import file_descriptors
from gateway.notifications.channels.mail_chart import drawn
from gateway.notifications.channels.outcome import Check, Kind, NotSent, Outcome, Send, Sent, Unknown, one_line
from gateway.notifications.invites.visit_calendar import Mailbox, write_invite
from gateway.notifications.messages import CHART_FRAME, CHART_ID, LOGO_ID, Message

TIMEOUT_S = 15
_log = logging.getLogger(__name__)
# up to Python 3.13.0 a link of more than 78 characters is encoded like a word with accents, and no program finds it
_LONG_HEADERS = SMTP.clone(max_line_length=998)


def sender(smtp: Smtp, logo: Logo | None = None) -> Send:
    """A Send over this SMTP server, with the logo that the HTML shows; a connection for each message, because servers
    hang up on idle ones."""

    def send(address: str, message: Message, ref: str) -> Outcome:
        try:
            mail = compose(smtp, address, message, ref, logo)
        except ValueError:
            return NotSent(True, "the address or the text cannot be put in an e-mail", kind="unusable")
        try:
            with _connect(smtp) as connection:
                return _hand_over(connection, smtp.sender, address, mail)
        except (OSError, smtplib.SMTPException) as error:
            return _no_way_in(smtp, error)

    return send


def checker(smtp: Smtp) -> Check:
    """Goes as far as a message would, without one: connects, logs in, and asks whether our sender may send."""

    def check(_address: str) -> NotSent | None:
        try:
            with _connect(smtp) as connection:
                code, reply = connection.mail(smtp.sender)
                if code >= 400:
                    return _sender_refused(code, reply)
                connection.rset()
                _say_goodbye(connection)
        except (OSError, smtplib.SMTPException) as error:
            return _no_way_in(smtp, error)
        return None

    return check


def _no_way_in(smtp: Smtp, error: OSError | smtplib.SMTPException) -> NotSent:
    """What went wrong before anything was handed over."""
    if isinstance(error, smtplib.SMTPResponseException):
        kind: Kind = "login refused" if isinstance(error, smtplib.SMTPAuthenticationError) else "server trouble"
        return NotSent(False, f"the mail server answered {error.smtp_code} before the message", kind=kind,
                       said=one_line(error.smtp_code, error.smtp_error))
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return NotSent(False, f"the mail server does not offer what {smtp.security} and login need", said=str(error),
                       kind="no secure connection" if "STARTTLS" in str(error) else "login refused")
    insecure = isinstance(error, ssl.SSLError)
    login = type(error) is smtplib.SMTPException  # "No suitable authentication method found."
    return NotSent(False, f"the mail server could not be used ({type(error).__name__})", said=str(error),
                   kind="no secure connection" if insecure else "login refused" if login else "unreachable",
                   ours=file_descriptors.ran_out(error))


def _sender_refused(code: int, reply: bytes | str) -> NotSent:
    return NotSent(False, f"the mail server refused our own address ({code})", kind="sender refused",
                   said=one_line(code, reply))


def compose(smtp: Smtp, address: str, message: Message, ref: str, logo: Logo | None = None) -> EmailMessage:
    """The mail, text and HTML. Raises ValueError when a value would break out of its header."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name=smtp.sender_name, addr_spec=smtp.sender)
    mail["To"] = Address(addr_spec=address)
    mail["Subject"] = message.subject
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = f"<{ref}@{_domain(smtp)}>"  # the same for every try, so a repeat is seen as one
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    if message.unsubscribe:  # RFC 8058
        mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(message.long_text)
    letter = _html_of(message)
    mail.add_alternative(letter or f"<pre>{html.escape(message.long_text)}</pre>", subtype="html")
    for name, (kind, content) in _pictures(message, letter, logo).items():
        _add_picture(mail, content, kind, name)
    if message.invite is not None:
        box = Mailbox(address, address.partition("@")[0])
        # the part names the same method as its content: where they differ, Outlook refuses the invite
        mail.add_alternative(write_invite(message.invite, Mailbox(smtp.sender, smtp.sender_name), box),
                             maintype="text", subtype="calendar",
                             params={"charset": "utf-8", "method": str(message.invite.method)})
    return mail


def _html_of(message: Message) -> str:
    """"" where it cannot be made: the mail goes out as text."""
    try:
        return message.long_html
    except Exception:
        _log.exception("the HTML of %s cannot be made: it goes out as text", message.topic)
        return ""


def self_contained(message: Message, logo: Logo | None = None) -> str:
    """The HTML with its pictures inside, as a browser shows it."""
    letter = message.long_html
    for name, (kind, content) in _pictures(message, letter, logo).items():
        letter = letter.replace(f"cid:{name}", f"data:image/{kind};base64,{b64encode(content).decode()}")
    return letter


def _pictures(message: Message, letter: str, logo: Logo | None) -> dict[str, tuple[str, bytes]]:
    """Name in the HTML → what kind of picture it is, and the picture."""
    found: dict[str, tuple[str, bytes]] = {}
    if logo is not None and f"cid:{LOGO_ID}" in letter:
        found[LOGO_ID] = (logo.kind, logo.content)
    if message.chart is not None and f"cid:{CHART_ID}" in letter:
        found[CHART_ID] = ("png", drawn(message.chart.facts, CHART_FRAME))
    return found


def _add_picture(mail: EmailMessage, content: bytes, kind: str, cid: str) -> None:
    """Beside the HTML, which shows it: nothing is fetched from anywhere."""
    [_, letter] = mail.iter_parts()
    assert isinstance(letter, EmailMessage)
    letter.add_related(content, "image", kind, cid=f"<{cid}>", disposition="inline", filename=f"{cid}.{kind}")


def _connect(smtp: Smtp) -> smtplib.SMTP:
    # our name is given: asking the system for it can take seconds in DNS, and tells strangers the host's name
    name = _domain(smtp)
    if smtp.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            smtp.host, smtp.port, local_hostname=name, timeout=TIMEOUT_S, context=ssl.create_default_context())
    else:
        connection = smtplib.SMTP(smtp.host, smtp.port, local_hostname=name, timeout=TIMEOUT_S)
    try:
        if smtp.security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        connection.ehlo_or_helo_if_needed()
        if smtp.username and smtp.password:
            connection.login(smtp.username, smtp.password.get_secret_value())
    except BaseException:
        connection.close()
        raise
    return connection


def _hand_over(connection: smtplib.SMTP, sender: str, address: str, mail: EmailMessage) -> Outcome:
    reply: bytes | str
    code, reply = connection.mail(sender)
    if code >= 400:
        return _sender_refused(code, reply)
    code, reply = connection.rcpt(address)
    if code >= 400:
        return NotSent(code >= 500, f"the mail server refused the recipient ({code})", gone=_no_such_box(code, reply),
                       kind="recipient refused", said=one_line(code, reply))
    try:
        code, reply = connection.data(mail.as_bytes(policy=_LONG_HEADERS))
    except smtplib.SMTPDataError as error:
        code, reply = error.smtp_code, error.smtp_error  # refused at the word DATA: nothing has been handed over yet
    except (OSError, smtplib.SMTPException) as error:
        return Unknown(f"the mail server fell silent while taking the message ({type(error).__name__})",
                       said=str(error))
    if code >= 400:
        return NotSent(code >= 500, f"the mail server refused the message ({code})", kind="message refused",
                       said=one_line(code, reply))
    _say_goodbye(connection)
    return Sent(str(mail["Message-ID"]))


def _say_goodbye(connection: smtplib.SMTP) -> None:
    try:
        connection.quit()
    except (OSError, smtplib.SMTPException):
        connection.close()  # it has our message: how it hangs up does not matter


def _no_such_box(code: int, reply: bytes) -> bool:
    """RFC 3463: 5.1.x is the address. Without such a code 550, 551 and 553 say it; 5.7.x is policy, and may pass."""
    enhanced = re.match(rb"\s*([245])\.(\d{1,3})\.\d{1,3}", reply)
    return code in (550, 551, 553) if enhanced is None else code >= 500 and enhanced[2] == b"1"


def _domain(smtp: Smtp) -> str:
    return smtp.sender.rpartition("@")[2]
