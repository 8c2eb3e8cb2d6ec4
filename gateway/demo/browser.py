"""A simulated browser for the demo: opens a link, fills in its form, and submits it."""

import html
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx


class NoSuchForm(Exception):
    """The page has no form for that: somebody else was faster, or it is over."""


@dataclass
class Form:
    fields: dict[str, str] = field(default_factory=dict)  # as they stand before anybody types
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    url: str
    text: str
    forms: list[Form]

    @property
    def words(self) -> str:
        """Its text, as it is read."""
        return html.unescape(self.text)

    def value(self, field: str) -> str:
        """What this field begins with; "" where there is none."""
        return next((form.fields[field] for form in self.forms if field in form.fields), "")

    @property
    def acts(self) -> set[str]:
        """What its forms can do."""
        return {form.fields["act"] for form in self.forms if "act" in form.fields} | {
            value for form in self.forms for name, value in form.buttons if name == "act"}


class _Forms(HTMLParser):
    """Collects what a browser would send: values of inputs, checked choices, and the named buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has: dict[str, Any] = dict(attrs)
        if tag == "form":
            self.forms.append(Form())
        if not self.forms or "name" not in has:
            return
        name, value = has["name"], has.get("value") or ""
        if tag == "button":
            self.forms[-1].buttons.append((name, value))
        elif tag == "textarea" or (tag == "input" and (has.get("type") != "radio" or "checked" in has)):
            self.forms[-1].fields[name] = value


class Browser:
    """One person's; redirects are followed as a browser follows them."""

    def __init__(self) -> None:
        self._http = httpx.Client(follow_redirects=True, timeout=10)

    def open(self, url: str) -> Page:
        """Raises httpx.HTTPError when the page cannot be had."""
        return self._page(self._http.get(url))

    def submit(self, page: Page, act: str, **typed: str) -> Page:
        """Fills in and sends the form that does `act`. Raises NoSuchForm, or httpx.HTTPError."""
        for form in page.forms:
            if form.fields.get("act") == act or ("act", act) in form.buttons:
                return self._page(self._http.post(page.url, data={**form.fields, "act": act, **typed}))
        raise NoSuchForm(act)

    def fill_in(self, page: Page, **typed: str) -> Page:
        """Sends the form that has these fields. Raises NoSuchForm, or httpx.HTTPError."""
        for form in page.forms:
            if typed.keys() <= form.fields.keys():
                return self._page(self._http.post(page.url, data={**form.fields, **typed}))
        raise NoSuchForm(", ".join(typed))

    def send(self, url: str, **fields: str) -> None:
        """What a script of a page sends beside it. Raises httpx.HTTPError."""
        self._http.post(url, data=fields).raise_for_status()

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _page(answer: httpx.Response) -> Page:
        answer.raise_for_status()
        reader = _Forms()
        reader.feed(answer.text)
        return Page(str(answer.url), answer.text, reader.forms)
