"""What the beat says is wrong: each part in its own words, and no quiet board while anything is unknown."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.board.blindness import Place, Sight, sight_of
from console.board.troubles import ALERTING_S, DISPATCH_S, INGEST_S, STUCK_S, Known, is_calm, troubles_of
from vocabulary.path_links import LIMIT_S


def sight(online: int = 6, offline: int = 0) -> Sight:
    homes = online + offline
    place = Place(
        area="sz.s.c", street="sz.s", street_zh="街", street_en="Street", online=online, offline=offline, unknown=0,
        homes=homes, dark=offline,
    )  # fmt: skip
    return sight_of([place])


WELL = Known(looked_s=1, database=True, broker=True, handled_s=2, dispatch_s=3, stored_s=2, heard=True, sight=sight())


def codes(**changes: object) -> list[tuple[str, str]]:
    return [(trouble.code, trouble.level) for trouble in troubles_of(msgspec.structs.replace(WELL, **changes))]


def test_all_well_is_calm() -> None:
    assert troubles_of(WELL) == []
    assert is_calm(WELL)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"looked_s": STUCK_S + 1}, [("stuck", "cut")]),
        ({"database": False}, [("database", "cut")]),
        ({"broker": False}, [("broker", "late")]),
        ({"handled_s": ALERTING_S + 1}, [("alerting", "cut")]),
        ({"handled_s": None}, [("undetected", "cut")]),
        ({"dispatch_s": DISPATCH_S + 1}, [("dispatch", "grave")]),
        ({"dispatch_s": None}, [("uncalled", "late")]),
        ({"stored_s": INGEST_S + 1}, [("ingest", "late")]),
        ({"path_s": LIMIT_S + 1}, [("path", "late")]),
        ({"path_s": 3.0, "path_broken": True}, [("path", "late")]),
        ({"sight": sight(online=0, offline=6)}, [("all_dark", "grave")]),
        ({"sight": sight(online=30, offline=3)}, [("dark", "late")]),
        ({"looked_s": 60, "handled_s": 60, "dispatch_s": 60, "stored_s": 90}, [("stuck", "cut")]),
    ],
)
def test_each_part_in_its_own_words(changes: dict[str, object], wanted: list[tuple[str, str]]) -> None:
    assert codes(**changes) == wanted
    assert not is_calm(msgspec.structs.replace(WELL, **changes))


def test_while_no_home_is_heard_detection_has_nothing_to_handle() -> None:
    assert codes(heard=False, handled_s=None, stored_s=None, sight=None) == []
    assert not is_calm(msgspec.structs.replace(WELL, sight=None)), "unknown is not quiet"


AGES = st.none() | st.floats(0, 1000)
STATES = st.builds(
    Known,
    looked_s=st.floats(0, 1000), database=st.booleans(), broker=st.booleans(), handled_s=AGES, dispatch_s=AGES,
    stored_s=AGES, heard=st.booleans(), sight=st.none() | st.builds(sight, st.integers(0, 9), st.integers(0, 9)),
)  # fmt: skip


@given(STATES)
def test_a_board_is_calm_only_where_everything_is_known_and_good(known: Known) -> None:
    found = troubles_of(known)
    assert [trouble.level for trouble in found] == sorted(
        (trouble.level for trouble in found), key=("cut", "grave", "late").index
    )
    if is_calm(known):
        assert not found
        assert known.looked_s <= STUCK_S
        assert known.sight is not None
        assert known.sight.dark == 0
        assert known.sight.online == known.sight.gateways > 0


@given(STATES, st.floats(0, 600))
def test_time_without_a_look_makes_nothing_better(known: Known, seconds: float) -> None:
    def later(age: float | None) -> float | None:
        return None if age is None else age + seconds

    after = msgspec.structs.replace(
        known, looked_s=known.looked_s + seconds, handled_s=later(known.handled_s),
        dispatch_s=later(known.dispatch_s), stored_s=later(known.stored_s),
    )  # fmt: skip
    assert is_calm(known) or not is_calm(after)
