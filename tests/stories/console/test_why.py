"""The page that says why, linked wherever a message is shown as sent or not."""

from tests.drivers.web_driver import WebStory, read


def test_the_page_says_what_the_command_says_and_is_linked_where_why_is_shown(there: WebStory) -> None:
    there.break_down()
    there.wait(seconds=1)
    [row] = there.notifications("fault_found")
    anna = there.console()
    for page, link, heading in (
            (f"/console/tickets/{there.ticket.id}", f"/console/why/{row.id}", "fault found"),
            ("/console/customers/alice", f"/console/why/{row.id}", "fault found"),
            ("/console/customers/alice", "/console/why/alice?kind=customer", "is told what they are told")):
        assert f'href="{link}"' in anna.get(page).text
        said = read(anna.get(link))
        assert heading in said
        assert "a…@example.com" in said
    assert there.explained("alice", "wish")[0] in read(anna.get("/console/why/alice"))
    assert "alice@example.com" not in anna.get("/console/why/alice").text
    assert anna.get("/console/why/N-NOSUCH").status_code == 404


def test_a_dispatcher_reads_why_a_firm_is_asked(there: WebStory) -> None:
    dana = there.console("dispatcher")
    assert 'href="/console/why/kunz?kind=provider"' in dana.get("/console/firms/kunz").text
    assert "Takes 3 visits a day" in read(dana.get("/console/why/kunz?kind=provider"))
