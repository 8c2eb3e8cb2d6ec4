"""Somebody at the console in a real browser: they click what they read and type into what is named."""

import json
from typing import Any

from tests.drivers.browser import Browser
from tests.drivers.web_driver import Console, WebStory

LIVE = "document.getElementById('line').innerText === 'Live'"
# what a person sees of an element, and the first one that is there with these words
_EYES = """window.eyes = {
  words: one => (one.getAttribute('aria-label') || one.innerText || one.value || '').replace(/\\s+/g, ' ').trim(),
  seen: one => one.checkVisibility({visibilityProperty: true}),
  find: (what, name, inside) => Array.from(document.querySelectorAll(inside + ' :is(' + what + ')')).filter(
    one => eyes.seen(one) && !one.disabled && eyes.words(one).startsWith(name))[0],
  field: (name, inside) => {
    const label = eyes.find('label', name, inside);
    return label && label.control;
  },
};"""
_CLICKED = "button, a[href], summary, label.tick, label.choice, input[type=checkbox]"


class Seat:
    """A window with cookies of its own."""

    def __init__(self, there: WebStory, chrome: Browser, who: Console | None = None, width: int = 1280,
                 height: int = 720) -> None:
        self.there, self.chrome, self.tab = there, chrome, chrome.tab(apart=True)
        for key, value in who.web.cookies.items() if who is not None else ():
            self.command("Network.setCookie", name=key, value=value, url=there.base)
        self.command("Page.addScriptToEvaluateOnNewDocument", source=_EYES)
        self.look_at(width, height)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.chrome.call(method, self.tab.session, **parameters)

    def look_at(self, width: int, height: int, dark: bool = False) -> None:
        """The size of the screen, and which colours they prefer."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                     mobile=False)
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, path: str) -> None:
        self.tab.open(self.there.base + path)

    def at(self, path: str) -> None:
        """Waits until that page is shown."""
        self.tab.wait(f"location.pathname === {json.dumps(path)} && document.readyState === 'complete'")

    def sees(self, *words: str, inside: str = "body") -> None:
        """Waits until they can read all of them."""
        for one in words:
            self.tab.wait(f"(document.querySelector({json.dumps(inside)})?.innerText || '').replace(/\\s+/g, ' ')"
                          f".toLowerCase().includes({json.dumps(one.lower())})")

    def has(self, name: str, inside: str = "#main") -> bool:
        """Whether there is something to click with these words."""
        return bool(self.tab.run(f"!!{_found(name, inside)}"))

    def click(self, name: str, inside: str = "#main") -> None:
        """Waits for it first."""
        self.tab.wait(f"!!{_found(name, inside)}")
        self.tab.run(f"{_found(name, inside)}.click()")

    def fill(self, name: str, value: str, inside: str = "#main") -> None:
        """Types into the field, or chooses there, whose label begins so; of a choice, by the words of the option."""
        self.tab.run(f"""(() => {{
            const one = eyes.field({json.dumps(name)}, {json.dumps(inside)});
            if (!one) throw new Error('there is no field ' + {json.dumps(name)});
            one.focus();
            if (one.tagName === 'SELECT') one.selectedIndex = Array.from(one.options).findIndex(
              option => option.text.trim().startsWith({json.dumps(value)}));
            else one.value = {json.dumps(value)};
            one.dispatchEvent(new Event('input', {{bubbles: true}}));
            one.dispatchEvent(new Event('change', {{bubbles: true}}));
        }})()""")

    def text(self) -> str:
        return self.tab.text()

    def live(self) -> None:
        self.tab.wait(LIVE)

    @property
    def html(self) -> str:
        """All that the page holds, seen or not."""
        return str(self.tab.run("document.documentElement.outerHTML"))


def _found(name: str, inside: str) -> str:
    return f"eyes.find({json.dumps(_CLICKED)}, {json.dumps(name)}, {json.dumps(inside)})"
