"""What only a browser can show of the page on which people choose what they are sent."""

import pytest

from gateway.model import Contact
from gateway.notifications.preferences.links import preferences_token
from gateway.store import Store
from tests.drivers.axe import violations
from tests.drivers.browser import Browser
from tests.drivers.web_driver import web_story
from tests.integration.test_browser_household import NARROW, phone

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (320, "dark"), (1280, "light"), (1280, "dark")])
def test_the_page_of_what_people_choose_fits_and_can_be_used_by_all(store: Store, chrome: Browser, width: int,
                                                                   scheme: str) -> None:
    there = web_story(store)
    contact = there.one(Contact, Contact.owner_id == "alice", Contact.channel == "email")
    tab = phone(chrome, width, scheme)
    tab.open(f"{there.base}/m/{preferences_token(there.secret, contact, None)}")
    assert tab.run(NARROW)
    assert violations(tab) == []
    tab.run("""document.querySelector('[name=timezone]').value = 'Mars/Olympus';
               document.querySelector('[value=choose]').click()""")
    tab.wait("document.querySelector('#timezone-error') !== null")
    tab.wait("document.activeElement.id === 'timezone'")
    assert tab.run("document.querySelector('#timezone').value") == "Mars/Olympus"
    assert tab.run(NARROW)
    assert violations(tab) == []
