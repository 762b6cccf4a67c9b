"""The command ``resend``: numbers of a stream that the district misses go up once more; what is gone is said."""

from collections import deque
from collections.abc import Callable

import msgspec

from edge_agent.outbox.sent import STREAMS, Numbered, Sent
from firmware_profiles import wire

COMMAND = "resend"
AT_MOST = 5000
"""Messages of one command; the district asks again for the rest."""


class Resend:
    """What waits to go up again. The uplink takes it when nothing fresh waits."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self._waiting: deque[Numbered] = deque()

    def asked(self, command: wire.Command, holds: Callable[[int, str, int, int], set[int]]) -> str:
        """Args: epoch, stream, first, behind. The answer is JSON: ``again`` and ``gone``, lists of [first, behind].

        ``holds``: which numbers still wait in the outbox; they come by themselves.

        Raises ValueError where the command is not one.
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
        found = self._sent.find(epoch, str(stream), first, behind)[:AT_MOST]
        until = found[-1].seq + 1 if len(found) == AT_MOST else behind
        queued = {(message.epoch, message.stream, message.seq) for message in self._waiting}
        self._waiting += [m for m in found if (m.epoch, m.stream, m.seq) not in queued]
        there = [message.seq for message in found]
        gone = sorted(set(range(first, min(until, first + 10 * AT_MOST))) - set(there))
        waiting = holds(epoch, str(stream), first, behind) if gone else set()
        gone = [number for number in gone if number not in waiting]
        return msgspec.json.encode({"again": _ranges(there), "gone": _ranges(gone)}).decode()

    def take(self, limit: int) -> list[Numbered]:
        """The next ones to send."""
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
