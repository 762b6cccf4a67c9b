"""The faults that the proof inflicts on its servers and lines."""

import os
import random
import signal
import time
from collections.abc import Callable, Mapping

import msgspec

from shouwang.brokers.local import LocalBroker
from shouwang.verify.lines import Relay, RelayState
from shouwang.verify.servers import Servers


class Fault(msgspec.Struct, frozen=True):
    """A fault that was inflicted: when (seconds since the beginning), which, and for how long."""

    at_s: float
    kind: str = msgspec.field(name="what")
    seconds: float


Trouble = Callable[[Servers, random.Random, float], None]
"""Inflicts a fault for so many seconds and returns when it is over."""


def _end_ingest(number: signal.Signals) -> Trouble:
    def trouble(servers: Servers, rng: random.Random, seconds: float) -> None:
        """End one worker and start it again, as systemd would."""
        worker = rng.choice(servers.workers)
        if worker.pid is not None:
            os.kill(worker.pid, number)
        deadline = time.monotonic() + 20
        while worker.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        worker.stop()
        time.sleep(seconds)
        worker.start()

    return trouble


def _away(end: Callable[[Servers], None], start: Callable[[Servers], None]) -> Trouble:
    def trouble(servers: Servers, _rng: random.Random, seconds: float) -> None:
        end(servers)
        time.sleep(seconds)
        start(servers)

    return trouble


def _broker_away(end: Callable[[LocalBroker], None]) -> Trouble:
    def trouble(servers: Servers, _rng: random.Random, seconds: float) -> None:
        broker = servers.breakable()
        end(broker)
        time.sleep(seconds)
        broker.start()

    return trouble


def _lose_waiting_messages(servers: Servers, _rng: random.Random, seconds: float) -> None:
    """Stop ingest for a while, so that messages wait in the broker alone, and then kill the broker."""
    for worker in servers.workers:
        worker.stop()
    time.sleep(seconds)
    broker = servers.breakable()
    broker.kill()
    broker.start()
    for worker in servers.workers:
        worker.start()


def _line(which: Callable[[Servers], Relay], state: RelayState) -> Trouble:
    def trouble(servers: Servers, _rng: random.Random, seconds: float) -> None:
        which(servers).trouble(state, seconds)
        time.sleep(seconds)

    return trouble


def _homes(state: RelayState, times: float = 1) -> Trouble:
    """Put two of five lines in trouble for ``times`` as long as the fault lasts."""

    def trouble(servers: Servers, rng: random.Random, seconds: float) -> None:
        for line in rng.sample(servers.home_lines, 2):
            line.trouble(state, times * seconds)
        time.sleep(seconds)

    return trouble


def _send_twice(servers: Servers, rng: random.Random, _seconds: float) -> None:
    """Make some gateways send stored messages again: duplicates, out of order, mixed with fresh ones."""
    with servers.connect() as conn:
        marks = conn.execute(
            "SELECT name, epoch, stream, high FROM ingest_stream JOIN gateway ON gateway.id = gateway_id"
        ).fetchall()
    for gateway, epoch, stream, high in rng.sample(marks, min(len(marks), 10)):
        first = rng.randint(1, max(1, int(str(high))))
        behind = first + rng.randint(1, 40)
        servers.send_again(
            str(gateway), {"epoch": int(str(epoch)), "stream": str(stream), "first": first, "behind": behind}
        )


FAULTS: Mapping[str, Trouble] = {
    "ingest killed": _end_ingest(signal.SIGKILL),
    "ingest stopped": _end_ingest(signal.SIGTERM),
    "database killed": _away(lambda s: s.postgres.kill(), lambda s: s.postgres.start()),
    "database stopped": _away(lambda s: s.postgres.stop(), lambda s: s.postgres.start()),
    "broker killed": _broker_away(LocalBroker.kill),
    "broker stopped": _broker_away(LocalBroker.stop),
    "broker killed with what ingest has not fetched": _lose_waiting_messages,
    "ingest cut off the broker": _line(lambda s: s.broker_line, "cut"),
    "ingest cut off the database": _line(lambda s: s.database_line, "cut"),
    "silence between broker and ingest": _line(lambda s: s.broker_line, "silent"),
    "answers of the database lost": _line(lambda s: s.database_line, "deaf"),
    "acknowledgements of the broker lost": _homes("deaf"),
    "gateways cut off": _homes("cut", times=8),  # long enough that their messages go as a backlog
    "sent twice": _send_twice,
}
"""By name."""
