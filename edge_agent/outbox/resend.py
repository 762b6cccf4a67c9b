"""Answer the command ``resend``: send missing numbers of a stream again, and name those that are gone."""

from collections import deque
from collections.abc import Callable

import msgspec

from edge_agent.outbox.sent import STREAMS, Numbered, SentMessages
from firmware_profiles import wire

COMMAND = "resend"
AT_MOST = 5000
"""Messages of one command; the district asks again for the rest."""


class Resend:
    """Queue of messages to send again. The uplink takes from it when nothing fresh waits."""

    def __init__(self, sent: SentMessages) -> None:
        self._sent = sent
        self._waiting: deque[Numbered] = deque()

    def request(self, command: wire.Command, holds: Callable[[int, str, int, int], set[int]]) -> str:
        """Queue the messages that a command asks for (args: epoch, stream, first, behind).

        The answer is JSON: ``again`` and ``gone``, lists of [first, behind]. ``holds`` gives the numbers that still
        wait in the outbox, which are sent anyway. Raises ValueError for other args.
        """
        args = command.args
        epoch, stream = args.get("epoch"), args.get("stream")
        first, behind = args.get("first"), args.get("behind")
        whole = isinstance(epoch, int) and isinstance(first, int) and isinstance(behind, int)
        if not whole or stream not in STREAMS:
            raise ValueError(f"args are epoch, first, behind (whole numbers) and stream (one of {STREAMS})")
        epoch, first, behind = int(epoch or 0), int(first or 0), int(behind or 0)
        if not 1 <= first < behind:
            raise ValueError(f"numbers begin at 1, and first lies below behind: not {first} and {behind}")
        messages = self._sent.find(epoch, str(stream), first, behind)[:AT_MOST]
        until = messages[-1].seq + 1 if len(messages) == AT_MOST else behind
        queued = {(message.epoch, message.stream, message.seq) for message in self._waiting}
        self._waiting += [m for m in messages if (m.epoch, m.stream, m.seq) not in queued]
        there = [message.seq for message in messages]
        gone = sorted(set(range(first, min(until, first + 10 * AT_MOST))) - set(there))
        waiting = holds(epoch, str(stream), first, behind) if gone else set()
        gone = [number for number in gone if number not in waiting]
        return msgspec.json.encode({"again": _ranges(there), "gone": _ranges(gone)}).decode()

    def take(self, limit: int) -> list[Numbered]:
        """Take the next messages to send from the queue."""
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Half-open ranges of ascending numbers."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return ranges
