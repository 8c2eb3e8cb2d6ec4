"""Pictures of mails as a mail program shows them: at three widths, light and dark.

`python -m tests.drivers.mail_pictures DIRECTORY [LANGUAGE …]`; some of them, made small, lie in docs/img/mails.
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gateway.model import RecipientKind
from gateway.notifications.catalogues import catalogue_for, messages
from gateway.notifications.channels.email import self_contained
from gateway.notifications.charts.fault_course import CHARTED
from gateway.notifications.messages import Facts
from gateway.notifications.topics import TOPICS, TopicName
from gateway.notifications.wording.sample import sample_chart
from tests.drivers.browser import Browser, Tab, browser
from tests.drivers.console_pictures import picture
from tests.unit.notifications.test_templates import FACTS, NOW
from tests.unit.notifications.test_wordings import VARIANTS, VISIT, in_language

WIDTHS = (320, 600, 1280)
SHOWN = (TopicName.FAULT_FOUND, TopicName.OUTAGE, TopicName.OUTAGE_OVER, TopicName.TECHNICIAN_ASSIGNED,
         TopicName.VISIT_CHANGED, TopicName.ON_THE_WAY, TopicName.RESOLVED, TopicName.SURVEY, TopicName.DAILY,
         TopicName.CONTACT_CODE, TopicName.VISIT_INVITE, TopicName.PRICE_QUESTION, TopicName.HOUSEHOLD_LINK,
         TopicName.PLEASE_LOOK)
LETTER = "https://service.example/m/K-1.abcdefghijklmnopqrstuvwxyz0"
DAY = [{"what": "Heat pump: it works again (T-4F7QK2M9)", "link": "https://service.example/f/L-1"},
       {"what": "Fridge: the door stands open (T-7BD2M4XQ)", "link": "https://service.example/f/L-2"},
       {"what": "Planned power cut on Thursday (M-1)", "link": ""}]


def mail(topic: TopicName, locale: str, **more: object) -> str:
    """As it goes to a person who may choose what they are sent, of its first variant, with what there is to show."""
    variant = next(iter(VARIANTS.get(topic, {"": {}}).values()))
    known = {name: in_language(name, value, topic, locale) for name, value in variant.items()}
    facts: Facts = replace(VISIT if topic in VARIANTS else replace(VISIT, note="", code=FACTS.code), **(known | more))
    if facts.for_customer and RecipientKind.CUSTOMER in TOPICS[topic].audience:
        facts = replace(facts, preferences=LETTER, unsubscribe=f"{LETTER}/stop/faults", items=DAY)
    if topic in CHARTED:
        facts = replace(facts, chart=sample_chart(NOW, facts.zone, catalogue_for(locale)))
    return self_contained(messages().word(topic, locale, facts))


def open_mail(chrome: Browser, html: str, width: int, dark: bool) -> Tab:
    tab = chrome.tab()
    chrome.call("Emulation.setDeviceMetricsOverride", tab.session, width=width, height=900, deviceScaleFactor=1,
                mobile=False)
    chrome.call("Emulation.setEmulatedMedia", tab.session, features=[
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
    chrome.call("Emulation.setScrollbarsHidden", tab.session, hidden=True)
    show(tab, html)
    return tab


def show(tab: Tab, html: str) -> None:
    """Another mail in the same window."""
    frame = tab.browser.call("Page.getFrameTree", tab.session)["frameTree"]["frame"]["id"]
    tab.browser.call("Page.setDocumentContent", tab.session, frameId=frame, html=html)
    tab.wait("document.readyState === 'complete' && [...document.images].every(one => one.complete)")


def main(directory: Path, locales: Sequence[str]) -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("There is no Chromium here.")
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, browser(
            program, Path(scratch) / "profile") as chrome:
        for width in WIDTHS:
            for dark in (False, True):
                tab = open_mail(chrome, "", width, dark)
                for topic, locale in ((topic, locale) for locale in locales for topic in SHOWN):
                    show(tab, mail(topic, locale))
                    name = f"{topic}-{locale}-{width}-{'dark' if dark else 'light'}.png"
                    (directory / name).write_bytes(picture(tab, whole=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["en"])
