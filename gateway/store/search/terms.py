"""Turns what is stored and what people type into the same terms: pure functions of text.

Whatever is typed comes out as letters and digits, so nothing of it can be syntax of a database.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

from gateway.config.phone_numbers import to_e164

LONGEST_TEXT, LONGEST_TERM, MOST_WORDS = 200, 40, 8
SHORTEST_SUFFIX, WHOLE_NUMBER = 4, 7  # digits
PHONE_MARK = "+"  # a term that begins with it is a telephone number, backwards; no word does
_AFTER_ALL = "\U0010ffff"  # stands behind every letter

# what Unicode does not take apart into a letter and its mark
_LETTERS = str.maketrans({"ø": "oe", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i", "ħ": "h"})
_UMLAUT = re.compile(r"(?<=[aou])e+")  # ae, oe, ue: how ä, ö, ü are written without them
_APOSTROPHES = re.compile(r"['’‘`´ʼ]")
_WORD = re.compile(r"[^\W_]+")
_STREET = ("strasse", "str")
_PHONE = re.compile(r"(?<!\w)(?<!\w-)[+(]?\d[\d\s()./+\u2010-\u2015-]*\d(?!\w)")
_LABEL = re.compile(r"(?i)^\s*tel[:.]\s*")
_TRUNK = re.compile(r"\(\s*0\s*\)")  # +41 (0)44 …


class Range(NamedTuple):
    """Terms from `low` up to `high`, in the order of their bytes, without `high` itself."""

    low: str
    high: str


@dataclass(frozen=True)
class Word:
    """One thing that has to be there: a term of any of these ranges. `term`: as it was typed."""

    term: str
    ranges: tuple[Range, ...]

    def grade(self, terms: Iterable[str]) -> int:
        """2 when it is one of the terms, 1 when one begins with it, 0 when none does."""
        best = 0
        for term in terms:
            if any(low <= term < high for low, high in self.ranges):
                if term.removesuffix("asse") == self.term.removesuffix("asse"):
                    return 2
                best = 1
        return best


@dataclass(frozen=True)
class PhoneWanted:
    """A telephone number among what was typed, whole or from its end."""

    word: Word
    beside: tuple[Word, ...]  # what was typed with it
    whole: str | None  # E.164, when the number is complete


def fold(text: str) -> str:
    """Without accents, capitals and marks. ä, ae and a are the same, in what is stored and in what is typed: of what
    somebody types first the folded form begins the folded whole, so one index serves every way of writing."""
    return _UMLAUT.sub("", text.translate(_FOLDED))


class _Folded(dict[int, str]):
    """Character → what is left of it. Filled as they come: an import of 100,000 households folds two million words."""

    def __missing__(self, code: int) -> str:
        apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
        plain = "".join(_digit(one) for one in apart if unicodedata.category(one)[0] != "M").translate(_LETTERS)
        if code < 0x3000:  # the alphabets; nobody fills the memory with what they type
            self[code] = plain
        return plain


_FOLDED = _Folded()


def terms_of(*texts: str) -> set[str]:
    """What names, ids and keys are found by: each word, and what is joined by marks (`K-1001`) also without them."""
    return set().union(*map(_terms, texts))


@lru_cache(maxsize=4096)  # of towns, postcodes, first names and devices there are few
def _terms(text: str) -> frozenset[str]:
    chunks = _chunks(text)
    joined = {"".join(words) for words in chunks if len(words) > 1}
    return frozenset(_cut({*chain.from_iterable(chunks), *joined, *_house_numbers(chunks)}))


def terms_of_street(text: str) -> set[str]:
    """As `terms_of`; Hauptstr., Haupt-Straße and Hauptstrasse are one word."""
    chunks = _chunks(text)
    joined = {"".join(_whole_streets(words)) for words in chunks if len(words) > 1}
    return _cut({*_whole_streets(chain.from_iterable(chunks)), *joined, *_house_numbers(chunks)})


def phone_terms(numbers: Iterable[str]) -> set[str]:
    """Of E.164 numbers: backwards, so that what ends alike begins alike."""
    return {PHONE_MARK + number[:0:-1] for number in numbers}


def words_wanted(text: str) -> tuple[Word, ...]:
    """What was typed, word for word; none when there is no letter or digit in it."""
    words = list(_whole_numbers(_glued_streets(chain.from_iterable(_chunks(text[:LONGEST_TEXT])))))
    return tuple(_word(one) for one in dict.fromkeys(words[:MOST_WORDS]))


def phone_wanted(text: str, country: str = "") -> PhoneWanted | None:
    """The telephone number that was typed, in any form that people write; `country`: of numbers without an
    international prefix. Four digits at its end are enough."""
    text = _LABEL.sub("", "".join(_digit(one) for one in unicodedata.normalize("NFKC", text[:LONGEST_TEXT])))
    found = max(_PHONE.finditer(text), key=lambda one: len(re.sub(r"\D", "", one[0])), default=None)
    if found is None:
        return None
    typed = _TRUNK.sub("", found[0])
    digits = re.sub(r"\D", "", typed)
    whole = _e164(typed, digits, country)
    if len(digits) < SHORTEST_SUFFIX:
        return None
    ends = [whole[1:]] if whole is not None else []
    ends.append(digits)
    if len(digits) >= WHOLE_NUMBER:  # the zeros before a country and before an area are not kept
        ends += [digits.removeprefix("00"), digits.removeprefix("0")]
    terms = [PHONE_MARK + one[::-1] for one in dict.fromkeys(ends)]
    return PhoneWanted(Word(terms[0], tuple(_prefix(one) for one in terms)),
                       words_wanted(f"{text[:found.start()]} {text[found.end():]}"), whole)


def number_ends(number: str, wanted: PhoneWanted) -> bool:
    """Whether an E.164 number is the one that is wanted, as far as it was typed."""
    return wanted.word.grade(phone_terms([number])) > 0


class NumberRange(NamedTuple):
    """Numbers such as T-4F7QK2M9 from `low` to `high`, both with it; the same when it is complete."""

    kind: str  # T, C, X, V or O
    low: str
    high: str


NUMBERED = "TCXVO"  # tickets, callbacks, outages, visits and offers
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("OIL", "011")
_NUMBER = re.compile(rf"([{NUMBERED}]?)([0-9A-Z]{{8}})")
_BEGUN = re.compile(rf"([{NUMBERED}])[-\u2010-\u2015]([0-9A-Z]{{4,7}})")


def numbers_wanted(text: str) -> list[NumberRange]:
    """The numbers that may be meant, written in any case, without prefix or dash, with O for 0 and I or L for 1."""
    text = unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).upper()
    found: dict[NumberRange, None] = {}
    for chunk in (text, *text.split()[:MOST_WORDS]):
        if (whole := _NUMBER.fullmatch(_compact(chunk))) and (body := _body(whole[2])):
            for kind in whole[1] or NUMBERED:
                found[NumberRange(kind, f"{kind}-{body}", f"{kind}-{body}")] = None
        elif (begun := _BEGUN.fullmatch(chunk.strip(" \t#.,;:"))) and (body := _body(begun[2])):
            found[NumberRange(begun[1], f"{begun[1]}-{body:0<8}", f"{begun[1]}-{body:Z<8}")] = None
    return list(found)


def is_one_number(text: str) -> bool:
    """Whether nothing but one complete number was typed."""
    return _NUMBER.fullmatch(_compact(unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).upper())) is not None


def _compact(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


def _body(text: str) -> str:
    read = text.translate(_MISREAD)
    return read if set(read) <= set(_ALPHABET) else ""


def _digit(one: str) -> str:
    value = unicodedata.decimal(one, None) if not one.isascii() else None
    return one if value is None else str(value)


def _chunks(text: str) -> tuple[tuple[str, ...], ...]:
    """The words, in the order and together as they are written."""
    return tuple(tuple(words) for chunk in fold(_APOSTROPHES.sub("", text)).split() if (words := _WORD.findall(chunk)))


def _glued_streets(words: Iterable[str]) -> Iterator[str]:
    """`haupt`, `str` → `hauptstr`"""
    before = ""
    for word in words:
        if word in _STREET and before and not before[-1].isdigit():
            before += word
            continue
        if before:
            yield before
        before = word
    if before:
        yield before


def _whole_streets(words: Iterable[str]) -> Iterator[str]:
    for word in _glued_streets(words):
        yield f"{word}asse" if word.endswith("str") else word


def _house_numbers(chunks: Iterable[Iterable[str]]) -> set[str]:
    """`12`, `a` → `12a`"""
    return {number + letter for number, letter in pairwise(chain.from_iterable(chunks)) if _belongs(number, letter)}


def _whole_numbers(words: Iterable[str]) -> Iterator[str]:
    """`12`, `a` → `12a`, and that alone"""
    before = ""
    for word in words:
        if _belongs(before, word):
            before += word
            continue
        if before:
            yield before
        before = word
    if before:
        yield before


def _belongs(number: str, letter: str) -> bool:
    return len(letter) == 1 and letter.isalpha() and number.isdigit()


def _word(term: str) -> Word:
    term = term[:LONGEST_TERM]
    if term.isdigit() and len(term) < SHORTEST_SUFFIX:  # 5 is no beginning of 52, but 5a may be meant
        return Word(term, (Range(term, f"{term}0"), Range(f"{term}a", f"{term}{_AFTER_ALL}")))
    return Word(term, (_prefix(term),))


def _prefix(term: str) -> Range:
    return Range(term, term + _AFTER_ALL)


def _cut(terms: Iterable[str]) -> set[str]:
    return {term[:LONGEST_TERM] for term in terms}


def _e164(typed: str, digits: str, country: str) -> str | None:
    if len(digits) < WHOLE_NUMBER:
        return None
    for written in (typed, f"+{digits.removeprefix('00')}" if digits.startswith("00") else typed):
        try:
            return to_e164(written, country)
        except ValueError:
            continue
    return None
