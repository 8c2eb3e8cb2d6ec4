"""Which homes of an outage join it in one transaction, and which in the next."""

from gateway.model import AreaKind, OutageState
from gateway.outages import AreaStats, Candidate, DarkSite, OpenOutage, Verdict
from gateway.outages.homes.slices import Joining, still_to_join, take_first


def homes(*names: str, outage: str | None = None) -> tuple[DarkSite, ...]:
    """The first of them died last."""
    return tuple(DarkSite(name, -number, frozenset({"left"}), outage_id=outage) for number, name in enumerate(names))


def verdict(dark: tuple[DarkSite, ...], outage: str | None = None, area: str = "left") -> Verdict:
    return Verdict(Candidate(AreaStats(area, AreaKind.FEEDER, None), dark, len(dark), 9, 0.1, 0.0, 0, 1, "share"),
                   outage, absorbs=("X-old",))


def sites(joining: Joining) -> list[str]:
    return [home.site_id for one in joining.verdicts for home in one.candidate.homes] + [
        home.site_id for some in joining.single.values() for home in some]


def test_few_homes_are_left_as_they_are() -> None:
    whole = Joining([verdict(homes("a", "b", "c"))], {"X-1": list(homes("d"))})
    assert take_first(whole, 4, 3) == (whole, Joining([], {}))


def test_those_that_died_first_are_taken_first() -> None:
    first, rest = take_first(Joining([verdict(homes("a", "b", "c", "d"))], {}), 3, 3)
    assert sites(first) == ["b", "c", "d"]
    assert sites(rest) == rest.new_sites == ["a"]
    assert (first.verdicts[0].absorbs, rest.verdicts[0].absorbs) == (("X-old",), ()), "it is absorbed once"
    assert first.verdicts[0].candidate.k == 4, "what was found stays what it is"


def test_homes_that_are_in_it_already_take_no_room() -> None:
    known = homes("a", "b", "c", outage="X-1")
    first, rest = take_first(Joining([verdict((*known, *homes("d")), "X-1")], {}), 1, 3)
    assert sites(first) == ["a", "b", "c", "d"]
    assert not rest


def test_no_outage_begins_with_fewer_homes_than_it_takes() -> None:
    first, rest = take_first(Joining([verdict(homes("a", "b", "c")), verdict(homes("d", "e", "f"), area="right")],
                                     {"X-1": list(homes("g"))}), 5, 3)
    assert sites(first) == ["a", "b", "c", "g"]
    assert sites(rest) == ["d", "e", "f"]
    assert rest.verdicts[0].absorbs == ("X-old",)


def test_the_rest_joins_what_began_with_the_first() -> None:
    _, rest = take_first(Joining([verdict(homes("a", "b", "c", "d"))], {}), 3, 3)
    began = OpenOutage("X-1", "left", OutageState.SUSPECTED, suspected_at=0, last_at=0, dark=3, homes=3)
    assert still_to_join(rest, {"a"}, [began]).verdicts[0].outage_id == "X-1"
    assert sites(still_to_join(rest, {"a"}, [began])) == ["a"]


def test_who_is_back_by_now_does_not_join() -> None:
    joining = Joining([verdict(homes("a", "b", "c"), "X-1")], {"X-1": list(homes("d", "e"))})
    assert sites(still_to_join(joining, {"a", "c", "e"}, [])) == ["a", "c", "e"]
