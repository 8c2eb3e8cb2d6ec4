"""A signed link opens one thing for one purpose."""

import string

import pytest

from gateway.model import LinkPurpose
from gateway.notifications import signed_links
from tests.drivers.web_driver import without_ids

OLD, NEW = "o" * 40, "n" * 40


@pytest.mark.parametrize("purpose", list(LinkPurpose))
def test_a_token_opens_what_it_was_signed_for(purpose: LinkPurpose) -> None:
    assert signed_links.read(NEW, purpose, signed_links.sign(NEW, purpose, "L-4F7QK2M9")) == "L-4F7QK2M9"


def test_a_token_for_one_purpose_never_opens_another() -> None:
    token = signed_links.sign(NEW, LinkPurpose.FOLLOW, "L-4F7QK2M9")
    assert signed_links.read(NEW, LinkPurpose.VISIT, token) is None
    assert signed_links.read(NEW, LinkPurpose.OFFER, token) is None


def test_another_secret_signs_other_tokens() -> None:
    assert signed_links.read(NEW, LinkPurpose.FOLLOW, signed_links.sign(OLD, LinkPurpose.FOLLOW, "L-4F7QK2M9")) is None


def test_no_single_letter_can_be_changed() -> None:
    token = signed_links.sign(NEW, LinkPurpose.FOLLOW, "L-4F7QK2M9")
    letters = string.ascii_letters + string.digits + "-_."
    for place in range(len(token) - 1):  # the last letter carries two bits that mean nothing
        for letter in letters:
            if letter != token[place]:
                assert signed_links.read(NEW, LinkPurpose.FOLLOW, token[:place] + letter + token[place + 1:]) is None


@pytest.mark.parametrize("junk", ["", ".", "L-4F7QK2M9", "L-4F7QK2M9.", "ü.ü", "\x00", "a" * 10_000, "\ud800"])
def test_junk_opens_nothing(junk: str) -> None:
    assert signed_links.read(NEW, LinkPurpose.FOLLOW, junk) is None


def test_after_a_change_of_secret_the_old_links_still_open_and_the_new_secret_signs() -> None:
    both = f"{NEW}\n{OLD}\n"
    old = signed_links.sign(OLD, LinkPurpose.FOLLOW, "L-4F7QK2M9")
    assert signed_links.read(both, LinkPurpose.FOLLOW, old) == "L-4F7QK2M9"
    new = signed_links.sign(NEW, LinkPurpose.FOLLOW, "L-4F7QK2M9")
    assert signed_links.sign(both, LinkPurpose.FOLLOW, "L-4F7QK2M9") == new


def test_a_token_is_short_and_ends_so_that_phones_take_all_of_it_as_the_link() -> None:
    tokens = [signed_links.sign(NEW, LinkPurpose.FOLLOW, f"L-{number:08d}") for number in range(200)]
    assert {len(token) for token in tokens} == {38}
    assert all(token[-1].isalnum() for token in tokens)


def test_the_address_stands_under_the_public_one_with_or_without_a_slash_at_its_end() -> None:
    token = signed_links.sign(NEW, LinkPurpose.VISIT, "L-4F7QK2M9")
    assert signed_links.url("https://service.example/help/", NEW, LinkPurpose.VISIT, "L-4F7QK2M9") == (
        f"https://service.example/help/v/{token}")
    assert signed_links.url("https://service.example", NEW, LinkPurpose.FOLLOW, "L-4F7QK2M9").startswith("https://service.example/f/L-")


def test_no_word_is_found_by_chance_in_a_page_without_its_numbers() -> None:
    link = signed_links.url("https://service.example", NEW, LinkPurpose.FOLLOW, "L-E7E7E7E7")
    for number in range(300):
        link += f' <a href="{signed_links.url("https://service.example", NEW, LinkPurpose.VISIT, f"L-{number:08d}")}">'
    assert "E7" in link
    assert "E7" not in without_ids(link)
    assert without_ids("Heat pump: fixed (T-E7QK2M9X), E7") == "Heat pump: fixed (…), E7"
