"""Translated sentences from gettext catalogues (.po), looked up by id."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from gettext import c2py
from io import BytesIO
from string import Formatter

from babel import UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as Sentence
from babel.messages.pofile import PoFileError, read_po

from gateway.notifications.spelling import swiss_german

FALLBACK = "en"
_LINE = re.compile(r'\s*|#.*|(?:msgid|msgid_plural|msgstr|msgstr\[\d\])?\s*"(?:[^"\\]|\\.)*"\s*')
_ID = re.compile(r'msgid\s*"([^"]+)"')
_PLURAL_FORMS = re.compile(r'^"Plural-Forms:\s*nplurals\s*=\s*\d+\s*;\s*plural\s*=[^"]+"', re.MULTILINE)
_ON_LINE = re.compile(r" on \d+$")  # Babel counts from 0
_PLACE = re.compile(r"[a-z_]+")


class BrokenCatalogue(ValueError):
    """A catalogue that cannot be used; the text names file and line."""


@dataclass(frozen=True)
class Catalogue:
    """One language's sentences: `catalogue("page.assigned", who="Sara")`."""

    locale: str
    sentences: Mapping[str, tuple[str, ...]] = field(repr=False)  # id → its one form, or all plural forms
    plural_form: Callable[[int], int] = field(repr=False)
    counted: frozenset[str] = field(repr=False)  # the ids that have plural forms
    lines: Mapping[str, int] = field(repr=False)  # id → line in the file

    def __call__(self, id_: str, /, **places: object) -> str:
        """The sentence with its `{places}` filled in; KeyError for an unknown id or a place that is not given."""
        return self._forms(id_)[0].format(**places)

    def plural(self, id_: str, n: int, /, **places: object) -> str:
        """The form that the language uses for `n`; what `{n}` shall look like is a place like any other."""
        return self._forms(id_)[self.plural_form(n)].format(**{"n": n, **places})

    @property
    def tag(self) -> str:
        """The language as HTML names it: `de-CH`."""
        return self.locale.replace("_", "-")

    @property
    def colon(self) -> str:
        """What stands between a name and what is said of it: `: `, in some languages with a space before it."""
        return self("payer.of_device", device="", payer="")

    def choose(self, words: Mapping[str, str]) -> str:
        """Of what is said in several languages (locale → text) that of this one, as it is spelled here; else English,
        else any; "" of none."""
        said = words.get(self.locale) or words.get(self.tag)
        if not said and (said := words.get(self.locale.partition("_")[0])) and self.locale == swiss_german.LOCALE:
            said = swiss_german.spelled(said)
        return said or words.get(FALLBACK) or next(iter(words.values()), "")

    def has(self, id_: str) -> bool:
        return id_ in self.sentences

    def variant(self, id_: str, places: Mapping[str, object]) -> str:
        """`id_`, or the id of what is said without a place that is empty, where there is one: `<id>.without_<place>`"""
        empty = (f"{id_}.without_{name}" for name, value in places.items() if value in (None, ""))
        return next((one for one in empty if self.has(one)), id_)

    def is_counted(self, id_: str) -> bool:
        """Whether it has plural forms."""
        return id_ in self.counted

    def places(self, id_: str) -> frozenset[str]:
        """The names in braces, of all its forms."""
        return frozenset(name for form in self._forms(id_) for name in _places(form))

    def _forms(self, id_: str) -> tuple[str, ...]:
        try:
            return self.sentences[id_]
        except KeyError:
            raise KeyError(f"no sentence {id_!r} in the language {self.locale!r}") from None


class Catalogues:
    """Every language there is, each with all sentences, and with no place that the English sentence lacks."""

    def __init__(self, catalogues: Iterable[Catalogue] = ()) -> None:
        self._by_locale = {catalogue.locale: catalogue for catalogue in catalogues}
        german = self._by_locale.get(swiss_german.FROM)
        self._derived = {} if german is None or swiss_german.LOCALE in self._by_locale else {
            swiss_german.LOCALE: replace(german, locale=swiss_german.LOCALE,
                                         sentences=swiss_german.sentences(german.sentences))}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> "Catalogues":
        """`texts`: language → its .po file's text. BrokenCatalogue when one cannot be used."""
        ids: dict[str, str] = {}
        return cls(complete([read_catalogue(text, locale, ids) for locale, text in sorted(texts.items())]))

    @property
    def locales(self) -> tuple[str, ...]:
        """Those that somebody has written: English, then the others by name."""
        return tuple(sorted(self._by_locale, key=lambda locale: (locale != FALLBACK, locale)))

    @property
    def derived(self) -> tuple[str, ...]:
        """Those that are made of another by rule."""
        return tuple(self._derived)

    def best_for(self, locale: str) -> Catalogue:
        """The catalogue for a locale such as `de-CH`; English when there is none."""
        whole = locale.replace("-", "_")
        found = self._by_locale.get(whole) or self._derived.get(whole)
        return found or self._by_locale.get(whole.partition("_")[0].lower()) or self._by_locale[FALLBACK]


def read_catalogue(text: str, locale: str, ids: dict[str, str] | None = None) -> Catalogue:
    """`text` of the file `<locale>.po`. BrokenCatalogue for everything that Babel would read as less than is there.

    `ids`: of the languages read before, so that all of them keep each id once.
    """
    file, ids = f"{locale}.po", {} if ids is None else ids
    lines = {ids.setdefault(id_, id_): line for id_, line in _lines_of_ids(text, file).items()}
    try:
        catalog = read_po(BytesIO(text.encode()), abort_invalid=True)
    except PoFileError as error:
        raise BrokenCatalogue(f"{file}:{error.lineno + 1}: {_ON_LINE.sub('', str(error))}") from error
    except (UnknownLocaleError, ValueError) as error:
        raise BrokenCatalogue(f"{file}:1: {error}") from error
    _check_header(catalog, text, file, locale)
    sentences, counted = {}, set()
    for entry in catalog:
        if entry.id:
            name = entry.id if isinstance(entry.id, str) else entry.id[0]
            name = ids.get(name, name)
            sentences[name] = _forms(entry, catalog.num_plurals, f"{file}:{lines.get(name, entry.lineno or 1)}: {name}")
            if entry.pluralizable:
                counted.add(name)
    for name in lines.keys() - sentences.keys():
        raise BrokenCatalogue(f"{file}:{lines[name]}: {name} cannot be read")
    return Catalogue(locale, sentences, c2py(catalog.plural_expr), frozenset(counted), lines)


def complete(catalogues: list[Catalogue]) -> list[Catalogue]:
    """The same, once each has the ids of English, and no place that English lacks; else BrokenCatalogue."""
    english = next((catalogue for catalogue in catalogues if catalogue.locale == FALLBACK), None)
    if english is None:
        raise BrokenCatalogue(f"{FALLBACK}.po: there is none, and every other language falls back to it")
    for other in catalogues:
        for name in english.sentences.keys() - other.sentences.keys():
            raise BrokenCatalogue(f"{other.locale}.po: lacks {name} ({FALLBACK}.po:{english.lines[name]})")
        for name, line in other.lines.items():
            if not english.has(name):
                raise BrokenCatalogue(f"{other.locale}.po:{line}: {name} is not in {FALLBACK}.po")
            if not other.places(name) <= english.places(name):  # it may leave one out where its grammar needs none
                raise BrokenCatalogue(f"{other.locale}.po:{line}: {name} has the places {_listed(other.places(name))}, "
                                      f"in English {_listed(english.places(name))}")
            if (name in other.counted) != (name in english.counted):
                raise BrokenCatalogue(f"{other.locale}.po:{line}: {name} has plural forms in one language only")
    return catalogues


def _lines_of_ids(text: str, file: str) -> dict[str, int]:
    """Id → line. What a .po file cannot contain is refused: Babel would skip it, and the sentences after it too."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not _LINE.fullmatch(line):
            raise BrokenCatalogue(f"{file}:{number}: cannot be read: {line.strip()[:60]}")
        if line.startswith("#~"):
            raise BrokenCatalogue(f"{file}:{number}: an obsolete sentence: take it out")
        found = _ID.match(line)
        if found and found[1] in lines:
            raise BrokenCatalogue(f"{file}:{number}: {found[1]} stands in line {lines[found[1]]} already")
        if found:
            lines[found[1]] = number
    return lines


def _check_header(catalog: Catalog, text: str, file: str, locale: str) -> None:
    """Babel takes a rule as it stands: a number without a form would break a sentence one day, a form that no number
    has is never read."""
    if str(catalog.locale) != locale:
        raise BrokenCatalogue(f'{file}:1: its header must say "Language: {locale}\\n"')
    if not _PLURAL_FORMS.search(text):
        raise BrokenCatalogue(f'{file}:1: its header must say "Plural-Forms: nplurals=…; plural=…;\\n": for some '
                              f"languages the usual guess is wrong")
    rule = c2py(catalog.plural_expr)
    forms = {rule(n) for n in (*range(1_002), 1_000_000, 1_000_001)}
    if forms != set(range(catalog.num_plurals)):
        given = ", ".join(map(str, sorted(forms)[:5])) + (" …" if len(forms) > 5 else "")
        raise BrokenCatalogue(f"{file}:1: its Plural-Forms announce {catalog.num_plurals} forms, and its rule gives "
                              f"{given} — expected all from 0 to {catalog.num_plurals - 1}")


def _forms(entry: Sentence, plurals: int, where: str) -> tuple[str, ...]:
    """All forms of a sentence, of which each has words and only plain names in its braces."""
    forms = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())
    expected = plurals if entry.pluralizable else 1
    if entry.fuzzy:
        raise BrokenCatalogue(f"{where} is fuzzy: put it right and take the mark away")
    if len(forms) != expected or not all(forms):
        raise BrokenCatalogue(f"{where} is empty" if expected == 1 else f"{where} lacks one of its {expected} forms")
    for form in forms:
        try:
            wrong = [place for place in _places(form) if not _PLACE.fullmatch(place)]
        except ValueError as error:
            raise BrokenCatalogue(f"{where}: {error}") from None
        if wrong:
            raise BrokenCatalogue(f"{where}: {{{wrong[0]}}} is no name of a place")
    return forms


def _places(form: str) -> list[str]:
    return [name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            for _, name, spec, conversion in Formatter().parse(form) if name is not None]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
