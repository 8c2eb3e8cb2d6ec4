"""`gateway provider remove`: a firm is asked no longer, and an import says who still is though it has them not."""

from pathlib import Path

from sqlmodel import Session, select

from gateway.model import Notification, Provider, Visit, on_call
from gateway.store import Store
from tests.drivers.command_line import gateway
from tests.drivers.story import begin
from tests.fixtures.sample_fleet import save_sample_fleet


def removed_at(store: Store, firm: str) -> int | None:
    with store.read() as session:
        return session.get_one(Provider, firm).removed_at


def test_a_firm_is_removed_and_comes_back_with_the_file(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    save_sample_fleet(store)
    done = gateway(tmp_path, "provider", "remove", "kunz", GATEWAY_DATABASE_URL=sqlite_url)
    assert "Kunz Heating is asked no longer: 0 offers taken back, 0 visits handed over" in done.output
    assert removed_at(store, "kunz") is not None
    save_sample_fleet(store)
    assert removed_at(store, "kunz") is None


def test_when_nobody_else_can_come_somebody_on_call_is_paged(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    story = begin(store)
    story.says("alice-pump", flow_temp=80.0)
    story.accept()
    firm = story.one(Visit).provider_id
    with store.write() as session:
        for other in session.exec(select(Provider).where(Provider.id != firm)):
            other.skills = ["drains"]
    (tmp_path / "gateway.yaml").write_text(
        "channels: {webhook: {}}\non_call:\n  people: {dana: {name: Dana Weber, contacts: [{channel: webhook, address: \"https://example.com/dana\"}]}}\n"
        "  dispatcher: [{people: [dana]}]\n", encoding="utf-8")
    done = gateway(tmp_path, "provider", "remove", firm, "--hand-over", GATEWAY_DATABASE_URL=sqlite_url,
                   GATEWAY_CHANNELS__WEBHOOK__SECRET="whsec_" + "c2VjcmV0" * 4)
    assert "0 offers taken back, 1 visits handed over" in done.output, done.output
    assert story.one(Notification, Notification.topic == "please_look").recipient == on_call("dana")


def test_no_such_firm_is_said_so(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    done = gateway(tmp_path, "provider", "remove", "sued", GATEWAY_DATABASE_URL=sqlite_url)
    assert done.exit_code == 1
    assert "'sued' — no such provider" in done.output


def test_an_import_names_the_firms_that_its_file_does_not(tmp_path: Path, sqlite_url: str, store: Store) -> None:
    with store.write() as session:
        _add_firm(session)
    (tmp_path / "fleet.yaml").write_text("providers: [{id: kunz, name: Kunz Heating}]", encoding="utf-8")
    done = gateway(tmp_path, "import", "fleet.yaml", "--dry-run", GATEWAY_DATABASE_URL=sqlite_url)
    assert "not in this file, and asked all the same: nord" in done.output


def test_an_import_without_a_firm_that_still_comes_is_refused_with_the_list(tmp_path: Path, store: Store,
                                                                            sqlite_url: str) -> None:
    there = begin(store)
    there.says("alice-pump", flow_temp=80.0)
    there.accept()
    visit = there.one(Visit)
    (tmp_path / "fleet.yaml").write_text("providers: [{id: nord, name: Nord Service}]", encoding="utf-8")
    done = gateway(tmp_path, "import", "fleet.yaml", GATEWAY_DATABASE_URL=sqlite_url)
    assert done.exit_code == 1
    said = " ".join(done.output.split())
    assert (f"providers: kunz is not in this file, and its visit {visit.id} at Alice's house (ticket "
            f"{visit.ticket_id}) is planned — expected it in the file, or `gateway provider remove kunz --hand-over` "
            "before") in said
    assert there.all(Provider, Provider.id == "nord") == []
    handed_over = gateway(tmp_path, "provider", "remove", "kunz", "--hand-over", GATEWAY_DATABASE_URL=sqlite_url)
    assert handed_over.exit_code == 0, handed_over.output
    assert gateway(tmp_path, "import", "fleet.yaml", GATEWAY_DATABASE_URL=sqlite_url).exit_code == 0


def _add_firm(session: Session) -> None:
    session.add(Provider(id="nord", name="Nord Service"))
