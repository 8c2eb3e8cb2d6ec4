"""axe-core (npm) in a tab: what of a page keeps people from using it."""

import json
from collections.abc import Sequence

import pytest

from tests import ROOT
from tests.drivers.browser import Tab

AXE = ROOT / "tests" / "fixtures" / "axe" / "node_modules" / "axe-core" / "axe.min.js"


def violations(tab: Tab, rules: Sequence[str] = ()) -> list[str]:
    """Each rule that the page breaks, with the first places where; all of them, unless some are named. Skips where axe
    is not installed."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: scripts/test installs it where there is npm")
    if not tab.run("typeof axe !== 'undefined'"):
        tab.run(AXE.read_text(encoding="utf-8") + "; true")
    asked = {"resultTypes": ["violations"]} | ({"runOnly": {"type": "rule", "values": list(rules)}} if rules else {})
    found = json.loads(tab.run(f"axe.run(document, {json.dumps(asked)}).then(found => JSON.stringify("
                               "found.violations.map(one => [one.id, one.nodes.slice(0, 3).map(node => node.html)])))"))
    return [f"{rule}: {' | '.join(places)}" for rule, places in found]
