"""Divide the gateways among the workers, by the shard in their topics. Pure."""

from functools import lru_cache

import msgspec

from firmware_profiles import senml, wire

SHARDS = 256
URGENT = (wire.subscription("events"), wire.subscription("status"))
BULK = (wire.subscription("readings"), senml.SUBSCRIPTION)
ADDED = (wire.subscription("observations"),)
"""Of the session for readings, too, by a request of their own: an older access list of a broker refuses them, and the
others stay as they are."""
"""Subscriptions of every worker, by session: everything; :meth:`Share.holds` says which messages are its own.

Two sessions, because a broker bounds the queue of each by itself: while ingest is away for hours, readings are what it
throws away (and what is asked for again afterwards), never an event.

A subscription for each of 128 shards would keep the others' messages away, but NATS searches all waiting messages once
for each of them, and allows 65,535 unacknowledged messages for all subscriptions of a session. See decision 0008.
"""


class Share(msgspec.Struct, frozen=True):
    """The share of worker ``number`` (from 0) of ``workers``: the shards with ``shard % workers == number``.

    All messages of a gateway are one worker's, and so stay in order. Raises ValueError for a number that no worker has.
    """

    number: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.workers <= SHARDS:
            raise ValueError(
                f"worker {self.number} of {self.workers}: workers are numbered from 0, and there are {SHARDS} at most"
            )

    def holds(self, topic: str) -> bool:
        """Whether a message of this topic is this worker's. A topic without a shard is the first worker's."""
        return self.workers == 1 or _shard(topic) % self.workers == self.number


@lru_cache(maxsize=50_000)
def _shard(topic: str) -> int:
    if topic.startswith("senml/"):
        shard = wire.shard_of(wire.gateway_in(topic) or "")
    else:
        shard = [*topic.split("/", 3), "", "", ""][2]
    try:
        return int(shard, 16)
    except ValueError:
        return 0
