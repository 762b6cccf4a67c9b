"""The home's view of falls: pendants whose signal stops, and radars."""

import numpy as np
import pytest

from device_simulators.recordings import extract
from edge_agent.fall import FallDetector
from edge_agent.fall.watch import SILENT_US, FallWatch

FALL = extract()["SA01_F01_R01"][0].astype(np.float32)
IMPACT = int(np.linalg.norm(FALL, axis=1).argmax())
START = 1_763_942_400_000_000


def play(watch: FallWatch, samples: int) -> tuple[list[str], int]:
    """Kinds told while the first samples of a fall come in, and the time of the last."""
    kinds = []
    for at in range(0, samples, 20):
        piece = FALL[at : min(at + 20, samples)]
        kinds += [news.kind for news in watch.feed("pendant", START + at * 5000, 200.0, piece, None)]
    return kinds, START + samples * 5000


def test_a_signal_that_stops_after_the_fall_is_judged_by_what_there_is() -> None:
    watch = FallWatch()
    kinds, end_us = play(watch, len(FALL))
    assert kinds == ["suspected"], "the recording ends before the watch is over"
    assert watch.advance(end_us + SILENT_US - 1) == []
    (news,) = watch.advance(end_us + SILENT_US)
    assert news.kind == "confirmed"
    assert watch.advance(end_us + 60_000_000) == []


def test_a_pendant_that_breaks_at_the_impact_leaves_the_suspicion_open() -> None:
    watch = FallWatch()
    kinds, end_us = play(watch, IMPACT + 240)
    assert kinds == ["suspected"]
    assert watch.advance(end_us + SILENT_US) == []


def test_who_is_up_again_when_the_signal_breaks_off_is_not_declared_well() -> None:
    walking = extract()["SE01_D01_R01"][0].astype(np.float32)
    watch = FallWatch()
    kinds, end_us = play(watch, IMPACT + 240)
    for at in range(0, 800, 20):
        t_us = end_us + at * 5000
        kinds += [news.kind for news in watch.feed("pendant", t_us, 200.0, walking[at : at + 20], None)]
    kinds += [news.kind for news in watch.advance(end_us + 800 * 5000 + SILENT_US)]
    assert "recovered" not in kinds


def test_a_radar_and_a_pendant_are_one_story() -> None:
    watch = FallWatch()
    kinds, end_us = play(watch, IMPACT + 300)
    assert kinds == ["suspected"]
    (news,) = watch.state("radar", "fall_suspected", end_us, {})
    assert (news.device, news.kind) == ("pendant", "confirmed")


def test_a_bad_piece_costs_only_itself() -> None:
    watch = FallWatch()
    assert list(watch.feed("pendant", START, 200.0, np.full((20, 3), np.nan, np.float32), None)) == []
    assert list(watch.feed("pendant", START, 5.0, np.zeros((20, 3), np.float32), None)) == []
    assert play(watch, len(FALL))[0] == ["suspected"]


@pytest.mark.parametrize("in_pocket", [[], ["pendant"]])
def test_the_place_of_a_pendant_chooses_its_model(in_pocket: list[str]) -> None:
    detector = FallDetector(200.0, placement="pocket" if in_pocket else "chest")
    expected = [event.confidence for event in detector.feed(START, FALL)]
    heard = [news.values["confidence"] for news in FallWatch(in_pocket).feed("pendant", START, 200.0, FALL, None)]
    assert heard == expected
    other = FallDetector(200.0, placement="waist" if in_pocket else "pocket")
    assert heard != [event.confidence for event in other.feed(START, FALL)]
