"""Whoever provides does not inspect themself; a draw by lot can be repeated; a finding is closed by somebody else."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_services.core.employment import Employment
from care_services.quality.checklists import KINDS, lists, read
from care_services.quality.rules import (
    Finding,
    check_refusal,
    draw,
    rate,
    recheck_refusal,
    score,
    strata_of,
)

PROVIDER = 70


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", ["station", "street", "district"])
def test_a_provider_checks_itself_in_its_own_check_alone(kind: str, level: str) -> None:
    mine = check_refusal(Employment(level, 1, PROVIDER), kind, PROVIDER)  # type: ignore[arg-type]
    assert (mine is None) == (kind == "own")
    other = check_refusal(Employment(level, 1, 71), kind, PROVIDER)  # type: ignore[arg-type]
    enough = {"own": False, "station": True, "street": level != "station", "district": level == "district"}[kind]
    assert (other is None) == enough


def test_another_person_looks_again() -> None:
    street, of = Employment("street", 1, 71), Finding(kind="street", provider=PROVIDER, found_by=5, mended_by=6)
    assert recheck_refusal(street, 5, of) is not None, "who found it"
    assert recheck_refusal(street, 6, of) is not None, "who mended it"
    assert recheck_refusal(street, 7, of) is None
    assert recheck_refusal(Employment("street", 1, PROVIDER), 7, of) is not None, "who provides"
    own = Finding(kind="own", provider=PROVIDER, found_by=5, mended_by=5)
    assert recheck_refusal(Employment("station", 1, PROVIDER), 6, own) is None
    assert recheck_refusal(Employment("station", 1, 71), 6, own) is not None


frames = st.lists(
    st.tuples(st.text("abcdef0123456789", min_size=1, max_size=4), st.sampled_from(["hs a", "hs b", "ms a"])),
    unique_by=lambda case: case[0], max_size=40,
)  # fmt: skip


@given(frames, st.text(max_size=6), st.floats(0.01, 1), st.randoms())
@settings(max_examples=40)
def test_the_same_frame_seed_and_share_give_the_same_cases(
    frame: list[tuple[str, str]], seed: str, share: float, chance: random.Random
) -> None:
    drawn = draw(frame, seed, share)
    mixed = list(frame)
    chance.shuffle(mixed)
    assert draw(mixed, seed, share) == drawn
    for _, n, k in strata_of(frame, drawn):
        assert k == math.ceil(round(n * share, 9)), "at least one of each stratum, and its share"


def test_another_seed_gives_other_cases() -> None:
    frame = [(f"R{n:04}", "hs") for n in range(200)]
    assert draw(frame, "a", 0.1) != draw(frame, "b", 0.1)
    with pytest.raises(ValueError, match="share"):
        draw(frame, "a", 0)


def test_what_was_not_seen_is_no_failure_and_no_pass() -> None:
    assert score({"a": "pass", "b": "fail", "c": "not_seen"}) == (1, 1, 1)
    assert rate(1, 1) == 0.5
    assert rate(0, 0) is None


def test_lists_are_whole() -> None:
    assert {"meals", "home_services", "stations"} <= lists().keys()
    for listed in lists().values():
        assert all(listed.items(kind) for kind in KINDS)
        assert all(0 < item.days <= 30 for item in listed.item)
    with pytest.raises(ValueError, match="its own code"):
        read(
            'code = "x"\nedition = 1\nzh = "x"\nen = "x"\nproviders = []\n'
            + '[[item]]\ncode = "a"\nzh = "a"\nen = "a"\nseverity = "minor"\ndays = 1\n' * 2
        )
