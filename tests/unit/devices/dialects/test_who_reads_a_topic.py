"""Which dialect reads a topic: the first whose filter matches it, one with a fixed first level before one without."""

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.devices import dialects
from gateway.devices.dialects.registry import READERS, DialectRegistry, matches

ALL = DialectRegistry(dialects.DIALECTS)
FILTERS = [wanted for dialect in dialects.DIALECTS for wanted in dialect.FILTERS]
WORDS = sorted({word for wanted in FILTERS for word in wanted.split("/")} - {"+", "#"})
words = st.sampled_from([*WORDS, "", "$", "$SYS", "kitchen", "a b"])


def by_its_filters(topic: str) -> dialects.Dialect | None:
    found = [(wanted.startswith("+"), place) for place, dialect in enumerate(dialects.DIALECTS)
             for wanted in dialect.FILTERS if matches(wanted, topic)]
    return dialects.DIALECTS[min(found)[1]] if found else None


@st.composite
def topics(draw: st.DrawFn) -> str:
    """Some that a filter matches, some that one nearly does, some as deep as they like."""
    levels = [level for level in draw(st.sampled_from(FILTERS)).split("/") if level != "#"]
    levels = [draw(words) if level == "+" else level for level in levels] + draw(st.lists(words, max_size=8))
    if draw(st.booleans()):
        levels[draw(st.integers(0, len(levels) - 1))] = draw(words)
    return "/".join(levels) or "x"


@given(topics())
@example("$SYS/status")
@example("$aws/things/pump/shadow/update")
@example("homie/" + "x/" * 40)
def test_it_is_the_one_that_a_look_at_every_filter_finds(topic: str) -> None:
    assert ALL.of(topic) is by_its_filters(topic)


def test_of_more_topics_than_are_remembered_each_is_read_by_the_same_as_before() -> None:
    registry = DialectRegistry(dialects.DIALECTS)
    for _ in range(2):
        assert {registry.name_of(f"devices/d{number}/telemetry") for number in range(READERS + 1)} == {"native"}
    assert registry.name_of("devices/d1/nothing") == "none"
