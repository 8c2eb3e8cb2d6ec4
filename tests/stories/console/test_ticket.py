"""One ticket at the console: an agent and a dispatcher see how it stands, and act."""

from tests.drivers.web_driver import WebStory, read


def test_the_page_shows_how_it_stands(there: WebStory) -> None:
    there.measure()
    ticket = there.break_down()
    browser = there.console()
    page = read(browser.get(f"/console/tickets/{ticket.id}"))
    print(page)
    assert ticket.id in page
    assert "Compressor fault" in page
