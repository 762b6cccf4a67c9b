"""Everything bad that can happen to the servers of the proof."""

import os
import random
import signal
import time
from collections.abc import Callable, Mapping

import msgspec

from shouwang.verify.fleet import Fleet
from shouwang.verify.servers import Servers


class Fault(msgspec.Struct, frozen=True):
    """Something that happened: when (seconds since the beginning), what, and for how long."""

    at_s: float
    what: str
    seconds: float


Trouble = Callable[[Servers, Fleet, random.Random, float], None]
"""Does it for so many seconds, and returns when it is over."""


def _end_ingest(number: signal.Signals) -> Trouble:
    def trouble(servers: Servers, _fleet: Fleet, _rng: random.Random, seconds: float) -> None:
        if servers.ingest.pid is not None:
            os.kill(servers.ingest.pid, number)
        deadline = time.monotonic() + 20
        while servers.ingest.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        servers.ingest.stop()
        time.sleep(seconds)
        servers.ingest.start()

    return trouble


def _away(end: Callable[[Servers], None], start: Callable[[Servers], None]) -> Trouble:
    def trouble(servers: Servers, _fleet: Fleet, _rng: random.Random, seconds: float) -> None:
        end(servers)
        time.sleep(seconds)
        start(servers)

    return trouble


def _lose_what_waits(servers: Servers, _fleet: Fleet, _rng: random.Random, seconds: float) -> None:
    """What waits for ingest is in the broker's hands alone, and then the broker dies."""
    servers.ingest.stop()
    time.sleep(seconds)
    servers.broker.kill()
    servers.broker.start()
    servers.ingest.start()


def _cut_gateways_off(_servers: Servers, fleet: Fleet, rng: random.Random, seconds: float) -> None:
    """Some gateways stay away for longer than the fault: what they hold has become a backlog then."""
    fleet.cut(rng, 0.4, 8 * seconds)
    time.sleep(seconds)


def _send_twice(servers: Servers, _fleet: Fleet, rng: random.Random, _seconds: float) -> None:
    """Some gateways send again what is stored: duplicates, out of order, mixed with what is fresh."""
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
    "broker killed": _away(lambda s: s.broker.kill(), lambda s: s.broker.start()),
    "broker stopped": _away(lambda s: s.broker.stop(), lambda s: s.broker.start()),
    "broker killed with what ingest has not fetched": _lose_what_waits,
    "ingest cut off the broker": lambda servers, _f, _r, seconds: servers.broker_line.cut(seconds),
    "ingest cut off the database": lambda servers, _f, _r, seconds: servers.database_line.cut(seconds),
    "silence between broker and ingest": lambda servers, _f, _r, seconds: servers.broker_line.silence(seconds),
    "answers of the database lost": lambda servers, _f, _r, seconds: servers.database_line.lose_answers(seconds),
    "acknowledgements of the broker lost": lambda servers, _f, _r, seconds: servers.home_line.lose_answers(seconds),
    "gateways cut off": _cut_gateways_off,
    "sent twice": _send_twice,
}
"""By name."""
