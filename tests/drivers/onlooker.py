"""Somebody who looks at pages behind signed links on a phone and on a desk, light and dark, and notes what is wrong."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.browser import Browser
from tests.drivers.fault_finder import faults, watch_policy
from tests.drivers.seat import Seat, Served

PHONE, DESK = (320, 640), (1280, 800)
_SEND = """(() => {{
  const form = document.createElement('form');
  form.method = 'post';
  form.action = {path};
  for (const [name, value] of Object.entries({fields})) {{
    const one = document.createElement('input');
    one.type = 'hidden'; one.name = name; one.value = value;
    form.append(one);
  }}
  document.body.append(form);
  window.before = true;
  form.submit();
}})()"""
_FOCUS = """(() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const name = one.labels && one.labels.length ? one.labels[0].innerText : one.innerText || one.name;
  return {name: (name || '').replace(/\\s+/g, ' ').trim(), kind: one.type || one.tagName.toLowerCase(),
          group: one.type === 'radio' ? one.name : '', shown: style.outlineStyle !== 'none'
            && parseFloat(style.outlineWidth) >= 2 && box.width > 0};
})()"""


@dataclass
class Onlooker:
    """`wrong`: state, size and scheme → what is wrong there."""

    there: Served
    chrome: Browser
    wrong: dict[str, list[str]] = field(default_factory=dict)
    seen: int = 0

    def __post_init__(self) -> None:
        self.seat = Seat(self.there, self.chrome)
        self.tab = self.seat.tab
        watch_policy(self.seat)

    def opens(self, what: str, path: str) -> str:
        """Looks at the page; what it says."""
        self.tab.said.clear()
        self.seat.open(path)
        return self.looks(what)

    def sends(self, what: str, path: str, **fields: str) -> str:
        """Sends a form, and looks at the answer, whatever it is."""
        self.tab.run(_SEND.format(path=json.dumps(path), fields=json.dumps(fields)))
        self.tab.wait("!window.before && document.readyState === 'complete'")
        return self.looks(what)

    def looks(self, what: str) -> str:
        self.seen += 1
        # a status of 404 or 409 is told to the console too, and is no fault of the page
        self.tab.said[:] = [one for one in self.tab.said if "Failed to load resource" not in one]
        self.tab.run("Array.from(document.querySelectorAll('main details')).forEach(one => { one.open = true; })")
        for width, height in (PHONE, DESK):
            self.seat.look_at(width, height)
            found = faults(self.seat)
            self.seat.look_at(width, height, dark=True)
            found += [f"dark {one}" for one in faults(self.seat, colours_only=True)]
            if found:
                self.wrong[f"{what} at {width}"] = found
        return self.tab.text()

    # what a keyboard and a screen reader get

    def tabs_through(self) -> list[dict[str, Any]]:
        """Where each press of the tab key leads, from the page's beginning to its end."""
        self.tab.run("document.activeElement.blur(), window.getSelection().removeAllRanges(), scrollTo(0, 0)")
        stops: list[dict[str, Any]] = []
        for _ in range(80):
            for kind in ("keyDown", "keyUp"):
                self.seat.command("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
            stop = self.tab.run(_FOCUS)
            if stop is None:
                break
            stops.append(stop)
        return stops

    def reads_aloud(self, inside: str) -> list[str]:
        """What a screen reader says of the part that CSS `inside` names, in its order: `role: name`, from the
        accessibility tree."""
        self.seat.command("DOM.enable")
        root = self.seat.command("DOM.getDocument")["root"]["nodeId"]
        node = self.seat.command("DOM.querySelector", nodeId=root, selector=inside)["nodeId"]
        top = self.seat.command("DOM.describeNode", nodeId=node)["node"]["backendNodeId"]
        tree = self.seat.command("Accessibility.getFullAXTree")["nodes"]
        by_id = {one["nodeId"]: one for one in tree}
        start = next(one for one in tree if one.get("backendDOMNodeId") == top)
        return [*_said(start, by_id)]


def _said(node: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> Any:
    role, name = node.get("role", {}).get("value", ""), node.get("name", {}).get("value", "")
    if not node.get("ignored") and role not in ("none", "generic", "InlineTextBox", "ListMarker"):
        yield f"{role}: {' '.join(name.split())}" if name else role
    if role != "StaticText":
        for child in node.get("childIds", ()):
            if child in by_id:
                yield from _said(by_id[child], by_id)
