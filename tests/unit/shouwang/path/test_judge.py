"""From the stamps of a press to the link that is broken."""

import msgspec
import pytest

from shouwang.path.judge import Stamps, Surroundings, broken_links, direct, lasting
from vocabulary.path_links import LINKS, words

WHOLE = Stamps(**dict.fromkeys(Stamps.__struct_fields__, True))
WELL = Surroundings(database=True, ingest_connected=True)


def without(*names: str) -> Stamps:
    return msgspec.structs.replace(WHOLE, **dict.fromkeys(names, False))


BEHIND_ALERTING = ("raised", "called", "claimed", "received", "shown")


@pytest.mark.parametrize(
    ("stamps", "around", "link"),
    [
        (Stamps(), WELL, "gateway_broker"),
        (without("stored"), WELL, "broker_ingest"),
        (without("stored"), Surroundings(database=True), "broker_ingest"),
        (without("stored"), Surroundings(database=True, ingest_connected=False), "ingest_database"),
        (without("heard", *BEHIND_ALERTING), WELL, "broker_alerting"),
        (without(*BEHIND_ALERTING), WELL, "alerting_database"),
        (without("called", "claimed", "received"), WELL, "dispatch"),
        (without("claimed", "received"), WELL, "notify"),
        (without("received"), WELL, "channel"),
        (without("shown"), WELL, "broker_console"),
        (without("shown"), Surroundings(database=True, console_connected=False), "console_database"),
        (WHOLE, Surroundings(database=False), "database"),
    ],
)
def test_the_first_link_behind_which_nothing_comes_is_named(stamps: Stamps, around: Surroundings, link: str) -> None:
    assert broken_links(stamps, around) == {link}
    assert link in LINKS


def test_a_broker_that_delivers_to_nobody_is_two_links() -> None:
    stamps = Stamps(acknowledged=True)
    assert broken_links(stamps, WELL) == {"broker_ingest", "broker_alerting"}


def test_a_whole_path_has_no_broken_link() -> None:
    assert WHOLE.complete
    assert broken_links(WHOLE, WELL) == frozenset()


def test_one_press_that_stops_is_not_enough() -> None:
    stopped, elsewhere, whole = frozenset({"dispatch"}), frozenset({"notify"}), frozenset[str]()
    assert lasting([stopped]) == whole
    assert lasting([whole, stopped]) == whole
    assert lasting([stopped, stopped]) == stopped
    assert lasting([stopped, stopped, whole]) == whole
    assert lasting([stopped, elsewhere]) == elsewhere
    assert lasting([stopped | elsewhere, elsewhere]) == elsewhere


def test_people_are_told_directly_where_the_ladder_is_broken() -> None:
    assert {link for link in LINKS if direct([link])} == {"database", "dispatch", "notify"}


def test_an_unknown_link_stands_for_itself() -> None:
    assert words(["silence", "newer"])[1].endswith("; newer")
