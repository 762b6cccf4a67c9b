"""The intake: nothing is lost or reordered within a gateway, and a flood never delays the other gateways."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.receiving.intake import Allowance, Intake, Verdict

ALLOWANCE = Allowance(messages_per_s=1, readings_per_s=100, burst_s=10)


def intake(limit_bytes: int = 1_000_000, limit_messages: int = 1000) -> Intake[tuple[str, int]]:
    return Intake(ALLOWANCE, limit_bytes, limit_messages)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("offer"), st.sampled_from("abc"), st.integers(1, 3000)),
            st.tuples(st.just("take"), st.integers(1, 8), st.integers(1, 5000)),
            st.tuples(st.just("wait"), st.integers(1, 40), st.just(0)),
        ),
        max_size=200,
    )
)
def test_every_message_has_one_fate_and_each_gateway_its_order(steps: list[tuple[str, str | int, int]]) -> None:
    queue = intake(20_000, 12)
    now, number = 0.0, 0
    admitted: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    taken: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    held = 0
    for what, first, second in steps:
        if what == "offer":
            number += 1
            if queue.offer(str(first), (str(first), number), second, now) is Verdict.ADMITTED:
                admitted[str(first)].append(number)
                held += 1
        elif what == "take":
            got = queue.take(int(first), second, now)
            assert len(got) <= int(first)
            assert got or not held
            held -= len(got)
            for gateway, n in got:
                taken[gateway].append(n)
        else:
            now += int(first)
        assert len(queue) == held <= 12 + 6
    for gateway, n in queue.take(1000, 10**9, now):
        taken[gateway].append(n)
    assert taken == admitted
    assert len(queue) == 0


@given(st.integers(20, 400), st.integers(1, 20))
def test_whoever_keeps_to_the_allowance_is_served_before_a_flood_whatever_came_first(flood: int, calm: int) -> None:
    queue = intake()
    for n in range(flood):
        queue.offer("flood", ("flood", n), 100, 0.0)
    for n in range(calm):
        assert queue.offer(f"calm-{n}", ("calm", n), 100, 0.0) is Verdict.ADMITTED
    first = queue.take(calm, 10**9, 0.0)
    assert [who for who, _ in first] == ["calm"] * calm


@given(st.integers(1, 50))
def test_a_flood_leaves_half_of_the_room_to_the_others(others: int) -> None:
    queue = intake(limit_messages=100)
    verdicts = [queue.offer("flood", ("flood", n), 10, 0.0) for n in range(1000)]
    assert verdicts.count(Verdict.ADMITTED) == 50
    assert verdicts.count(Verdict.SHED) == 950
    fates = {queue.offer(f"gw-{n}", ("calm", n), 10, 0.0) for n in range(others)}
    assert fates == {Verdict.ADMITTED}


def test_capacity_that_nobody_wants_is_the_busy_ones() -> None:
    queue = intake()
    for n in range(300):
        queue.offer("flood", ("flood", n), 100, 0.0)
    assert queue.beyond() == ["flood"]
    assert [n for _, n in queue.take(1000, 10**9, 0.0)] == list(range(300))


def test_a_mended_gateway_is_forgiven_after_two_bursts_at_most() -> None:
    queue = intake()
    for n in range(800):
        queue.offer("gw", ("gw", n), 100, 0.0)
    queue.offer("gw", ("gw", 800), 100, 12.0)
    assert queue.beyond() == []


def test_everybody_at_once_after_an_outage_is_made_to_wait_not_shed() -> None:
    queue = intake(limit_messages=100)
    verdicts = [queue.offer(f"gw-{n}", ("x", n), 100, 0.0) for n in range(150)]
    assert verdicts == [Verdict.ADMITTED] * 100 + [Verdict.FULL] * 50


def test_what_the_broker_delivers_again_is_not_charged_again() -> None:
    queue = intake()
    for n in range(500):
        queue.offer("gw", ("gw", n), 100, 0.0, charge=False)
    assert queue.beyond() == []


def test_gateways_take_turns() -> None:
    queue: Intake[str] = Intake(Allowance(1e9, 1e9, 1), 10**9, 10_000)
    for n in range(4):
        queue.offer("big", f"big-{n}", 64 * 1024, 0.0)
    queue.offer("small", "small", 10, 0.0)
    assert queue.take(3, 10**9, 0.0) == ["big-0", "small", "big-1"]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.lists(st.integers(1, 3000), min_size=1, max_size=8), st.integers(0, 9)),
        max_size=40,
    ),
    st.integers(1, 30),
)
def test_many_at_once_are_queued_as_they_would_be_one_by_one(
    turns: list[tuple[str, list[int], int]], most: int
) -> None:
    together, singly = intake(20_000, 24), intake(20_000, 24)
    now, number = 0.0, 0
    for gateway, sizes, seconds in turns:
        items = [((gateway, number + place), size) for place, size in enumerate(sizes)]
        number += len(items)
        all_at_once = together.offer_all(gateway, items, now)
        verdicts = [singly.offer(gateway, item, size, now) for item, size in items]
        if all_at_once:
            assert set(verdicts) == {Verdict.ADMITTED}
        else:
            again = [together.offer(gateway, item, size, now) for item, size in items]
            assert again == verdicts, "nothing was queued or charged before"
        assert len(together) == len(singly)
        assert together.beyond() == singly.beyond()
        now += seconds
        if seconds % 2:
            assert together.take(most, 6000, now) == singly.take(most, 6000, now)
