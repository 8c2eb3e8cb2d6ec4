"""Mails in a real browser: nothing sticks out, and everything can be read, on a phone and a desk, by day and night."""

import pytest

from gateway.notifications.topics import TopicName
from tests.drivers.axe import violations
from tests.drivers.browser import Browser
from tests.drivers.mail_pictures import WIDTHS, mail, open_mail, show
from tests.integration.test_browser_household import NARROW

pytestmark = pytest.mark.slow

LONG = "Verwaltungsgebäudeheizungswärmepumpensteuerung" * 2


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("locale", ["en", "hi"])
def test_every_mail_fits_and_can_be_read(chrome: Browser, locale: str, dark: bool) -> None:
    tab = open_mail(chrome, "", WIDTHS[0], dark)
    for topic in TopicName:
        show(tab, mail(topic, locale))
        for width in WIDTHS:
            chrome.call("Emulation.setDeviceMetricsOverride", tab.session, width=width, height=900,
                        deviceScaleFactor=1, mobile=False)
            assert tab.run(NARROW), f"{topic} at {width}"
        assert violations(tab, ["color-contrast", "image-alt", "link-name", "page-has-heading-one", "html-has-lang"]
                          ) == [], topic


def test_a_word_without_an_end_sticks_out_nowhere(chrome: Browser) -> None:
    tab = open_mail(chrome, "", 320, False)
    for topic in (TopicName.FAULT_FOUND, TopicName.TECHNICIAN_ASSIGNED, TopicName.PLEASE_LOOK):
        show(tab, mail(topic, "de", device=LONG, technician=LONG, address=LONG, note=LONG, service=LONG))
        assert tab.run(NARROW), topic
