"""The queue of logins: two at a time, a few of each network, and no thread of the pages'."""

import asyncio
import datetime as dt
import threading

import pytest

from care_network.access.passwords import AT_ONCE
from care_network.errors import LoginRefusedError
from console.shell.entry.login_queue import KnownNetworks, LoginQueue


def test_a_flood_of_logins_takes_two_threads_and_the_rest_waits_or_is_refused() -> None:
    queue, go = LoginQueue(), threading.Event()
    at_work: set[int] = set()

    def check() -> str:
        at_work.add(threading.get_ident())
        go.wait(30)
        return "in"

    async def flood() -> tuple[list[object], list[object]]:
        one = [asyncio.create_task(queue.run(f"2001:db8::{n}", check)) for n in range(30)]
        many = [asyncio.create_task(queue.run(f"10.0.0.{n}", check)) for n in range(200)]
        for _ in range(3):
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(go.set)
        return (
            await asyncio.gather(*one, return_exceptions=True),
            await asyncio.gather(*many, return_exceptions=True),
        )

    one, many = asyncio.run(flood())
    assert one.count("in") == LoginQueue.PER_NETWORK
    assert many.count("in") == LoginQueue.LONGEST - LoginQueue.PER_NETWORK
    refused = [error for error in (*one, *many) if error != "in"]
    assert all(isinstance(error, LoginRefusedError) and error.retry_after_s == 10 for error in refused)
    assert len(at_work) <= 2
    assert asyncio.run(LoginQueue().run("10.0.0.1", lambda: "in")) == "in"


def test_a_place_in_the_queue_is_free_again() -> None:
    async def in_turn() -> None:
        queue = LoginQueue()

        def wrong() -> None:
            raise ValueError

        for _ in range(3 * LoginQueue.LONGEST):
            with pytest.raises(ValueError):  # noqa: PT011 - its own
                await queue.run("10.0.0.1", wrong)

    asyncio.run(in_turn())


def test_a_flood_from_unknown_networks_leaves_a_slot_and_a_place_to_known_desks() -> None:
    known = KnownNetworks(lambda: frozenset({"10.9.0.1"}), lambda: dt.datetime.now(dt.UTC))
    known.refresh()
    queue, go, hashing = LoginQueue(known), threading.Event(), threading.Semaphore(AT_ONCE)

    def slow() -> str:
        with hashing:  # as the slots of the hash
            go.wait(30)
        return "in"

    def quick() -> str:
        with hashing:
            return "in"

    async def scene() -> tuple[str, list[object]]:
        flood = [asyncio.create_task(queue.run(f"203.0.113.{n}", slow)) for n in range(200)]
        for _ in range(3):
            await asyncio.sleep(0)
        desk = await asyncio.wait_for(queue.run("10.9.0.1", quick), 20)  # while every stranger waits
        go.set()
        return desk, await asyncio.gather(*flood, return_exceptions=True)

    desk, flood = asyncio.run(scene())
    assert desk == "in"
    assert flood.count("in") == LoginQueue.LONGEST


def test_known_networks_stay_as_they_were_while_the_database_is_away() -> None:
    answers = iter([frozenset({"10.9.0.1"})])
    times = iter([dt.datetime(2026, 3, 1, 12, n, tzinfo=dt.UTC) for n in (0, 0, 2)])

    def read() -> frozenset[str]:
        try:
            return next(answers)
        except StopIteration:
            raise OSError from None

    known = KnownNetworks(read, lambda: next(times))
    for _ in range(3):
        known.refresh()
    known.add("10.9.0.2")
    assert known.has("10.9.0.1")
    assert known.has("10.9.0.2")
    assert not known.has("203.0.113.1")
