"""Looks through a page in a real browser for what shuts people out or should not be there."""

import json

from tests.drivers.axe import violations
from tests.drivers.seat import Seat

TARGET = 32  # pixels that a thing to click is high and wide
_POLICY = """window.broken = [];
document.addEventListener('securitypolicyviolation',
  one => broken.push(one.violatedDirective + ' ' + one.blockedURI));"""
_SMALL = f"""Array.from(document.querySelectorAll('button, summary, select, textarea, input:not([type=hidden]), '
  + 'nav a, a.button, label.tick, label.pick')).filter(one => {{
    const box = one.getBoundingClientRect();
    if (!one.checkVisibility({{visibilityProperty: true}}) || box.width < 2) return false;
    if (one.matches('[type=checkbox], [type=radio]') && one.closest('label')) return false;
    return box.height < {TARGET} - 0.5 || box.width < {TARGET} - 0.5;
  }}).map(one => one.outerHTML.slice(0, 120) + ' is ' + JSON.stringify([one.getBoundingClientRect().width,
    one.getBoundingClientRect().height].map(Math.round)))"""
_WIDE = """(() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return [];
  return Array.from(document.querySelectorAll('body *')).filter(one => one.getBoundingClientRect().right > most + 0.5)
    .slice(0, 3).map(one => one.outerHTML.slice(0, 120)).concat('scrolls sideways');
})()"""


def watch_policy(seat: Seat) -> None:
    """From the next page on: what the browser refuses to load or run is kept."""
    seat.command("Page.addScriptToEvaluateOnNewDocument", source=_POLICY)


def faults(seat: Seat, colours_only: bool = False) -> list[str]:
    """What is wrong with the page that they see, as it stands. Call watch_policy before it is opened."""
    tab = seat.tab
    found = [f"axe: {one}" for one in violations(tab, ("color-contrast",) if colours_only else ())]
    if colours_only:
        return found
    found += [f"policy: {one}" for one in tab.run("broken")]
    found += [f"small: {one}" for one in tab.run(_SMALL)]
    found += [f"wide: {one}" for one in tab.run(_WIDE)]
    return found + [f"said: {one}" for one in tab.said]


def unfold(seat: Seat) -> int:
    """Opens whatever can be opened in the page, but menus that lie over it; how many that are."""
    return int(seat.tab.run("Array.from(document.querySelectorAll('#main details:not(.pop, [open])')).map("
                            "one => { one.open = true; }).length"))


def tell(found: dict[str, list[str]]) -> str:
    """For a failure: each fault once, with the first page that has it."""
    first: dict[str, str] = {}
    for where, all_of_it in found.items():
        for one in all_of_it:
            first.setdefault(one, where)
    return json.dumps([f"{where} – {one}" for one, where in first.items()], indent=1, ensure_ascii=False)
