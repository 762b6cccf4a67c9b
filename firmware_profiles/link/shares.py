"""Topics into which the broker has written whose share a message is, so that each worker hears its own. Pure.

NATS maps ``care/v1/<shard>/<gateway>/readings`` to ``share/v1/<2>/<3>/<4>/…/care/v1/<shard>/<gateway>/readings`` where
its configuration says so: one level for each number of workers, which holds the number of the worker that the gateway
belongs to. A worker's share is one subscription, whatever their number; the rest of the topic is the original one.
"""

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Numbers of workers for which the topic names the worker."""
_PREFIX = "share/v1/"
_LEVELS = 2 + len(COUNTS)


def share_filter(original: str, number: int = 0, workers: int = 1) -> str:
    """The filter for the messages of ``original`` (a topic or filter) that are the share of worker ``number`` (from 0).

    Those of every share where there is one worker, or a number of workers that is none of COUNTS.
    """
    levels = [str(number) if count == workers else "+" for count in COUNTS]
    return _PREFIX + "/".join((*levels, original))


def original_topic(topic: str) -> str:
    """The topic under which the message was published."""
    if not topic.startswith(_PREFIX):
        return topic
    return topic.split("/", _LEVELS)[-1]


def names_share(topic: str) -> bool:
    """Whether the broker has written the shares into this topic."""
    return topic.startswith(_PREFIX)
