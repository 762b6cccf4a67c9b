"""Which part of the district a worker takes: the gateways divided by the shard in their topics. Pure."""

from functools import lru_cache

import msgspec

from firmware_profiles import senml, wire

LEAVES: tuple[wire.Leaf, ...] = ("events", "status", "readings")
SHARDS = 256
FILTERS = (*(wire.subscription(leaf) for leaf in LEAVES), senml.SUBSCRIPTION)
"""What every worker subscribes to: everything; :meth:`Share.holds` tells what is another worker's.

A subscription for each of 128 shards would spare the others' messages the way, but NATS looks through all that waits
once for each, and allows few: 65,535 unacknowledged messages for all subscriptions of a session. See decision 0008.
"""


class Share(msgspec.Struct, frozen=True):
    """The share of worker ``number`` (from 0) of ``workers``: every shard that leaves ``number`` when it is divided by
    ``workers``. All messages of a gateway are one worker's, and so keep their order.

    Raises ValueError where the number is none of the workers'.
    """

    number: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.workers <= SHARDS:
            raise ValueError(
                f"worker {self.number} of {self.workers}: workers are numbered from 0, and there are {SHARDS} at most"
            )

    @property
    def shards(self) -> list[str]:
        """Two hexadecimal digits each."""
        return [f"{shard:02x}" for shard in range(self.number, SHARDS, self.workers)]

    def holds(self, topic: str) -> bool:
        """Whether a message of this topic is this worker's. What has no shard is the first one's."""
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
