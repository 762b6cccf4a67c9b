"""One fall, one story: pendant and radar, and what each of them alone can tell."""

from edge_agent.fall.fusion import FORGET_US, LASTING_US, MERGE_US, FallFusion, FallNews

S = 1_000_000
T = 1_000 * S


def kinds(news: list[FallNews]) -> list[tuple[str, str, int]]:
    return [(item.device, item.kind, item.time_us) for item in news]


def test_a_pendant_alone_tells_suspicion_and_confirmation_with_the_same_time() -> None:
    fusion = FallFusion()
    assert kinds(fusion.report("pendant", "worn", "suspected", T, 0.6)) == [("pendant", "suspected", T)]
    assert kinds(fusion.report("pendant", "worn", "confirmed", T, 0.9)) == [("pendant", "confirmed", T)]


def test_a_radar_that_agrees_confirms_the_pendants_fall_and_raises_the_confidence() -> None:
    fusion = FallFusion()
    fusion.report("pendant", "worn", "suspected", T, 0.6)
    (news,) = fusion.report("radar", "room", "suspected", T + 6 * S, 0.8)
    assert kinds([news]) == [("pendant", "confirmed", T)]
    assert news.values["confidence"] == 0.92  # 1 - 0.4 * 0.2
    assert news.values["witnesses"] == "pendant radar"
    assert fusion.report("pendant", "worn", "confirmed", T, 0.99) == []
    assert fusion.report("radar", "room", "recovered", T + 90 * S, 0.8) == []


def test_a_radar_first_keeps_the_story() -> None:
    fusion = FallFusion()
    assert kinds(fusion.report("radar", "room", "suspected", T, 0.8)) == [("radar", "suspected", T)]
    assert kinds(fusion.report("pendant", "worn", "suspected", T - 2 * S, 0.6)) == [("radar", "confirmed", T)]


def test_a_radars_state_that_lasts_is_confirmed_once_by_time_alone() -> None:
    fusion = FallFusion()
    fusion.report("radar", "room", "suspected", T, 0.8)
    assert fusion.advance(T + LASTING_US - 1) == []
    assert kinds(fusion.advance(T + LASTING_US)) == [("radar", "confirmed", T)]
    assert fusion.advance(T + LASTING_US + S) == []


def test_a_radar_that_takes_back_at_once_recovers() -> None:
    fusion = FallFusion()
    fusion.report("radar", "room", "suspected", T, 0.8)
    assert kinds(fusion.report("radar", "room", "recovered", T + 3 * S, 0.8)) == [("radar", "recovered", T)]
    assert fusion.advance(T + 60 * S) == []


def test_one_recovered_of_two_is_not_the_end() -> None:
    fusion = FallFusion()
    fusion.report("radar-1", "room", "suspected", T, 0.8)
    assert fusion.report("radar-2", "room", "suspected", T + S, 0.8) == []  # two radars see the same shadow
    assert fusion.report("radar-1", "room", "recovered", T + 3 * S, 0.8) == []
    assert kinds(fusion.report("radar-2", "room", "recovered", T + 4 * S, 0.8)) == [("radar-1", "recovered", T)]


def test_two_pendants_are_two_people() -> None:
    fusion = FallFusion()
    fusion.report("pendant-li", "worn", "suspected", T, 0.6)
    assert kinds(fusion.report("pendant-wang", "worn", "suspected", T + S, 0.6)) == [
        ("pendant-wang", "suspected", T + S)
    ]


def test_a_fall_later_is_another_one() -> None:
    fusion = FallFusion()
    fusion.report("pendant", "worn", "confirmed", T, 0.9)
    later = T + MERGE_US + S
    assert kinds(fusion.report("pendant", "worn", "suspected", later, 0.9)) == [("pendant", "suspected", later)]
    much_later = T + 2 * FORGET_US
    assert kinds(fusion.report("pendant", "worn", "suspected", much_later, 0.9)) == [
        ("pendant", "suspected", much_later)
    ]


def test_a_take_back_of_nothing_is_nothing() -> None:
    assert FallFusion().report("radar", "room", "recovered", T, 0.8) == []
