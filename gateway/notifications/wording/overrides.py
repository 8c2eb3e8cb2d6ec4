"""The operator's own templates, one for a topic, a language and a form: `de/fault_found.short.j2`."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any

from jinja2 import Environment, Template, UndefinedError, nodes

from gateway.config.error_messages import did_you_mean
from gateway.notifications.catalogue import Catalogues
from gateway.notifications.spelling import swiss_german
from gateway.notifications.wording.grammar import Words, mistakes, parse
from gateway.notifications.wording.sandbox import environment

ENDING = ".j2"
MOST_BYTES = 16_384  # of a file


class Form(StrEnum):
    """What one template words of a message."""

    SUBJECT = "subject"
    """Of a mail."""
    SHORT = "short"
    """Of an SMS or a chat message, without the link."""
    LONG = "long"
    """Of a mail: what stands between the greeting and the signature."""


BLOCKS = {Form.SUBJECT: "subject", Form.SHORT: "short", Form.LONG: "body"}  # of our own templates
MOST_CHARACTERS = {Form.SUBJECT: 400, Form.SHORT: 1_000, Form.LONG: 30_000}  # that one may make


class BadWording(Exception):
    """Templates of the operator's that cannot be used; `errors` has one line for each thing that is wrong."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class Unsayable(Exception):
    """What a template made cannot be sent."""


@dataclass(frozen=True)
class BrokenWording:
    """A template of the operator's that could not be used for a message: ours was, in its place."""

    name: str  # de/fault_found.short
    why: str  # with the line; nothing personal


@dataclass(frozen=True)
class Override:
    """One template of the operator's."""

    topic: str
    locale: str
    form: Form
    file: str  # as errors name it
    template: Template = field(repr=False)
    tree: nodes.Template = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.locale}/{self.topic}.{self.form}"

    def words(self, values: dict[str, Any], locale: str) -> str:
        """What it says to a reader of `locale`. Raises Unsayable when it says nothing, or too much, and whatever a
        template raises that is given what it does not expect."""
        parts, length, most = [], 0, MOST_CHARACTERS[self.form]
        for part in self.template.root_render_func(self.template.new_context(values, shared=True)):
            parts.append(part)
            length += len(part)
            if length > most:
                raise Unsayable(f"it makes more than {most} characters")
        said = "".join(parts).strip()
        if not said:
            raise Unsayable("it says nothing")
        return swiss_german.spelled(said) if locale == swiss_german.LOCALE != self.locale else said

    def broken(self, error: Exception) -> BrokenWording:
        """Why it could not be used, with no word of what it was given."""
        said = str(error) if isinstance(error, UndefinedError | Unsayable) else type(error).__name__
        line = line_in(self.template, error.__traceback__)
        return BrokenWording(self.name, f"line {line}: {said}" if line else said)


class Overrides:
    """All templates of the operator's."""

    def __init__(self, overrides: Iterable[Override] = ()) -> None:
        self._by_key = {(one.topic, one.locale, one.form): one for one in overrides}

    def __iter__(self) -> Iterator[Override]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def of(self, topic: str, locale: str, form: Form) -> Override | None:
        """For a reader of `de_CH` that of this very language, else that of `de`."""
        if not self._by_key:
            return None
        return self._by_key.get((topic, locale, form)) or self._by_key.get((topic, locale.partition("_")[0], form))


NO_OVERRIDES = Overrides()


def read_overrides(texts: Mapping[tuple[str, ...], bytes], shown: str, topics: Collection[str], facts: Collection[str],
                   catalogues: Catalogues) -> Overrides:
    """`texts`: path below the folder, e.g. ("de", "fault_found.short.j2") → what the file holds; `shown`: the folder,
    as errors name it. Raises BadWording with all errors of all files."""
    errors: list[str] = []
    found: list[Override] = []
    sandbox = environment({})
    for path, content in sorted(texts.items()):
        file = "/".join((shown, *path))
        key, wrong = _key(path, topics, catalogues)
        if key is None:
            errors.append(f"{file}: {wrong}")
            continue
        topic, locale, form = key
        words = Words(facts, catalogues.best_for(locale))
        override, wrongs = _compiled(content, sandbox, words)
        errors += (f"{file}:{line}: {said}" for line, said in wrongs)
        if override is not None:
            found.append(Override(topic, locale, form, file, *override))
    if errors:
        raise BadWording(errors)
    return Overrides(found)


def _key(path: tuple[str, ...], topics: Collection[str], catalogues: Catalogues
         ) -> tuple[tuple[str, str, Form] | None, str]:
    """(topic, language, form) of a file; None and why there are none."""
    if len(path) != 2 or not path[1].endswith(ENDING):
        return None, f"expected files like de/fault_found.short{ENDING}: LANGUAGE/TOPIC.FORM{ENDING}"
    language, (topic, _, form) = path[0], path[1].removesuffix(ENDING).partition(".")
    written = [*catalogues.locales, *catalogues.derived]
    locale = language.replace("-", "_")
    if locale not in written:
        known = [one.replace("_", "-") for one in written]
        return None, f"language {language!r} — {did_you_mean(language, known)}"
    if topic not in topics:
        return None, f"topic {topic!r} — {did_you_mean(topic, topics)}"
    if form not in list(Form):
        return None, f"form {form!r} — {did_you_mean(form, [one.value for one in Form])}"
    return (topic, locale, Form(form)), ""


def _compiled(content: bytes, sandbox: Environment, words: Words
              ) -> tuple[tuple[Template, nodes.Template] | None, list[tuple[int, str]]]:
    if len(content) > MOST_BYTES:
        return None, [(1, f"longer than {MOST_BYTES} bytes — expected a few sentences")]
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return None, [(content[:error.start].count(b"\n") + 1, "not UTF-8 text")]
    tree, wrong = parse(text, sandbox)
    if tree is None:
        return None, [wrong]
    if found := list(mistakes(tree, words)):
        return None, found
    return (sandbox.from_string(tree), tree), []


def line_in(template: Template, trace: TracebackType | None) -> int:
    """The line of a template in which something went wrong; 0 when that was elsewhere."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code is template.root_render_func.__code__ or trace.tb_frame.f_code.co_filename == (
                "<template>"):
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
