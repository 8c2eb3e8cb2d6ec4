"""`gateway goodwill`: a dry run that tells nobody, what was credited, and a file for billing."""

import csv
from pathlib import Path

import pytest

from gateway.cli.common import now
from gateway.model import Goodwill, GoodwillKind
from gateway.model.states import GoodwillState, SubjectKind
from gateway.store import Store
from tests.drivers.command_line import gateway
from tests.fixtures.sample_fleet import save_sample_fleet

SETTINGS = """database_url: sqlite:///gateway.db
goodwill:
  currency: EUR
  cap: 2000
  rules:
    - {outage_hours: 4, credit: 5}
    - {promise_broken: [arrival_window], credit: "10.50"}
"""


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    save_sample_fleet(store)
    (tmp_path / "gateway.yaml").write_text(SETTINGS)
    return tmp_path


def test_without_a_day_to_begin_it_is_a_dry_run(folder: Path) -> None:
    done = gateway(folder, "goodwill")
    assert done.exit_code == 0, done.output
    assert "a dry run: the last 30 days would have come to €0.00; nobody was told" in done.output


def test_what_was_given_is_written_to_a_file(folder: Path, store: Store) -> None:
    with store.write() as session:
        session.add(Goodwill(id="G-1", case_id="G-1", subject_kind=SubjectKind.CUSTOMER, site_id="alice-home",
                             customer_id="alice", kind=GoodwillKind.GESTURE, rule="gesture", state=GoodwillState.GIVEN,
                             cents=750, currency="EUR", created_at=now(), given_at=now()))
    done = gateway(folder, "goodwill", "--csv", "credits.csv")
    assert "1 credits of the last 30 days are in credits.csv" in done.output
    [row] = csv.DictReader((folder / "credits.csv").read_text().splitlines())
    assert (row["cents"], row["currency"], row["customer_id"]) == ("750", "EUR", "alice")


@pytest.mark.parametrize(("line", "wrong", "said"), [
    (4, "  cap: -1", "goodwill.cap"),
    (4, "  cap: 1.234", "goodwill.cap: 1.234 — expected an amount in the currency of goodwill, with at most two"),
    (4, "  caps: 3", "goodwill.caps"),
    (4, "  live_from: soon", "goodwill.live_from"),
    (4, "  approvers: [nobody]", "goodwill.approvers[0]: 'nobody' — expected one of on_call.people: none yet"),
    (6, "    - {credit: 5}", "goodwill.rules[0]"),
    (6, "    - {outage_hours: 4, promise_broken: [eta], credit: 5}", "expected either outage_hours or promise_broken"),
    (6, "    - {outage_hours: 4, credit: 0}", "goodwill.rules[0].credit: 0 — expected more than 0"),
    (6, "    - {outage_hours: 0, credit: 5}", "goodwill.rules[0].outage_hours"),
    (7, "    - {promise_broken: [etr], credit: 5}", "expected some of arrival_window, eta, callback_by"),
    (7, "    - {outage_hours: 4.0, credit: 6}", "expected each condition once"),
    (3, "  currency: QQQ", "goodwill.currency: 'QQQ'"),
    (3, "  currency: JPY", "goodwill.currency: 'JPY'"),
])
def test_what_is_wrong_with_the_rules_is_named_with_its_line(folder: Path, line: int, wrong: str, said: str) -> None:
    lines = SETTINGS.splitlines()
    lines[line - 1] = wrong
    (folder / "gateway.yaml").write_text("\n".join(lines))
    output = gateway(folder, "check").output.splitlines()
    assert [one for one in output if "gateway.yaml:" in one and said in one], output
