"""What is stored and what people type come out as the same terms, and as nothing but letters and digits."""

import pytest

from gateway.store.search.terms import (
    NumberRange,
    Word,
    fold,
    is_one_number,
    number_ends,
    numbers_wanted,
    phone_terms,
    phone_wanted,
    terms_of,
    terms_of_street,
    words_wanted,
)


@pytest.mark.parametrize(("written", "folded"), [
    ("Novák", "novak"), ("NOVÁK", "novak"), ("Łódź", "lodz"), ("Søren", "soren"), ("Soeren", "soren"),
    ("Müller", "muller"), ("Mueller", "muller"), ("Muller", "muller"), ("MÜLLER", "muller"), ("Mu\u0308ller", "muller"),
    ("Grüezi", "gruzi"), ("Grueezi", "gruzi"), ("Bäckerstraße", "backerstrasse"), ("Baeckerstrasse", "backerstrasse"),
    ("GROẞ", "gross"), ("İstanbul", "istanbul"), ("ﬁx", "fix"), ("１２", "12"), ("٣", "3"), ("Ольга", "ольга"),
])
def test_one_name_has_one_form_however_it_is_written(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize("name", ["Bauer", "Mueller", "Grüezi", "Quellenweg", "Aeneas", "Boeuf", "Straße"])
def test_what_somebody_has_begun_to_type_begins_the_term(name: str) -> None:
    assert all(fold(name).startswith(fold(name[:length])) for length in range(1, len(name) + 1))


@pytest.mark.parametrize(("texts", "terms"), [
    (["Anna Novák"], {"anna", "novak"}),
    (["K-1001"], {"k", "1001", "k1001"}),
    (["Müller-Meier"], {"muller", "meier", "mullermeier"}),
    (["O'Brien", "D’Angelo"], {"obrien", "dangelo"}),
    (["00:15:8d:00:01"], {"00", "15", "8d", "01", "00158d0001"}),
    (["Pump 2 B"], {"pump", "2", "b", "2b"}),
    (["", " - ", "\x00%_'\"*"], set()),
    (["x" * 500], {"x" * 40}),
    (["मीरा शर्मा"], {"मर", "शरम"}),  # vowel signs do not cut a word in two
])
def test_names_and_ids_are_found_by_each_word_and_without_their_marks(texts: list[str], terms: set[str]) -> None:
    assert terms_of(*texts) == terms


@pytest.mark.parametrize("typed", [
    "Hauptstrasse", "hauptstraße", "HAUPTSTRASSE", "Hauptstr.", "Hauptstr", "Haupt Str.", "Haupt-Straße", "hauptstra",
    "haupt",
])
@pytest.mark.parametrize("stored", ["Hauptstraße 12a", "Hauptstr. 12 a", "Haupt Strasse 12a", "Haupt-Str. 12A"])
def test_a_street_is_found_however_it_is_abbreviated(stored: str, typed: str) -> None:
    assert found(typed, terms_of_street(stored))
    assert found(f"{typed} 12a", terms_of_street(stored))
    assert found(f"12 a {typed}", terms_of_street(stored))


@pytest.mark.parametrize(("typed", "stored"), [
    ("strasse des 17 juni", "Straße des 17. Juni"), ("karl-marx-str", "Karl-Marx-Straße 3"),
    ("karlmarxstrasse", "Karl-Marx-Straße 3"), ("alte poststr 5", "Alte Post Straße 5"), ("5", "Weg 5a"),
])
def test_streets_of_several_words(typed: str, stored: str) -> None:
    assert found(typed, terms_of_street(stored))


def test_a_house_number_is_no_beginning_of_a_longer_one() -> None:
    assert not found("lindenweg 5", terms_of_street("Lindenweg 52"))
    assert not found("lindenweg 5", terms_of_street("Lindenweg 15"))
    assert found("80", terms_of("80"))
    assert not found("80", terms_of("8001"))
    assert found("8001", terms_of("80017"))


def test_an_exact_word_is_better_than_a_beginning() -> None:
    (word,) = words_wanted("nova")
    assert (word.grade(["nova"]), word.grade(["novak"]), word.grade(["anova"])) == (2, 1, 0)


@pytest.mark.parametrize("typed", ["", "   ", "'", '"; --', "%_*", "\x00", "()", "\ud800", "🔥"])
def test_what_has_no_letter_and_no_digit_asks_for_nothing(typed: str) -> None:
    assert words_wanted(typed) == ()
    assert phone_wanted(typed) is None
    assert numbers_wanted(typed) == []


def test_nothing_that_is_typed_is_more_than_letters_and_digits() -> None:
    words = words_wanted("novak'; DROP--TABLE\x00 OR 1=1")
    assert [word.term for word in words] == ["novak", "drop", "table", "or", "1"]
    assert len(words_wanted(" ".join(f"word{number}" for number in range(99)))) == 8


ERNA = "+41446681800"


@pytest.mark.parametrize("typed", [
    "+41446681800", "+41 44 668 18 00", "0041 44 668 18 00", "044 668 18 00", "044/668.18.00", "044-668-18-00",
    "(044) 668 18 00", "+41 (0)44 668 18 00", "+41 (0) 44 6681800", "0446681800", "41446681800", "tel:+41446681800",
    "+４１４４６６８１８００", "044\u2011668\u201118\u201100",
])
def test_a_number_is_known_whole_in_every_form_that_people_write(typed: str) -> None:
    wanted = phone_wanted(typed, "CH")
    assert wanted is not None
    assert number_ends(ERNA, wanted)
    assert wanted.beside == ()
    if not typed.startswith("41"):
        assert wanted.whole == ERNA


@pytest.mark.parametrize(("typed", "ends"), [
    ("1800", True), ("18 00", True), ("668 18 00", True), ("6681800", True), ("1801", False),
    ("4466818", False), ("0 18 00", False),
])
def test_its_end_is_enough_from_four_digits_on(typed: str, ends: bool) -> None:
    wanted = phone_wanted(typed, "CH")
    assert wanted is not None
    assert (number_ends(ERNA, wanted), wanted.whole) == (ends, None)


def test_three_digits_are_no_telephone_number_and_letters_are_none() -> None:
    assert phone_wanted("800") is None
    assert phone_wanted("T-4466818") is None
    assert phone_wanted("a1800b") is None


def test_what_stands_beside_a_number_narrows_it_down() -> None:
    wanted = phone_wanted("Frau Novák 044 668 18 00", "CH")
    assert wanted is not None
    assert ([word.term for word in wanted.beside], wanted.whole) == (["frau", "novak"], ERNA)
    assert phone_terms([ERNA]) == {"+00818664414"}


@pytest.mark.parametrize("typed", [
    "T-4F7QK2M0", "t-4f7qk2m0", "T4F7QK2M0", "t 4f7qk2m0", " T-4F7QK2MO ", "#t-4f7qk2m0", "T–4F7QK2M0", "4F7Q K2M0",
    "4f7qk2m0",
])
def test_a_number_is_read_in_any_case_without_prefix_or_dash(typed: str) -> None:
    assert NumberRange("T", "T-4F7QK2M0", "T-4F7QK2M0") in numbers_wanted(typed)
    assert is_one_number(typed)


def test_a_number_may_be_one_of_any_kind_or_only_begun() -> None:
    assert [one.kind for one in numbers_wanted("4F7QK2M0")] == ["T", "C", "X", "V", "O"]
    assert numbers_wanted("C-4F7Q") == [NumberRange("C", "C-4F7Q0000", "C-4F7QZZZZ")]
    assert not is_one_number("C-4F7Q")
    assert numbers_wanted("V-ILO0ABCD") == [NumberRange("V", "V-1100ABCD", "V-1100ABCD")]
    assert numbers_wanted("T-UUUUUUUU") == []  # no number has a U
    assert numbers_wanted("8001 Lindenweg") == []


def found(typed: str, terms: set[str]) -> bool:
    words: tuple[Word, ...] = words_wanted(typed)
    return bool(words) and all(word.grade(terms) for word in words)
