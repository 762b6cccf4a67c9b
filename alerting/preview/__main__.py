"""Count the alerts of one recording: a pickled work on standard input, JSON lines of progress and the counts on output.

``python -m alerting.preview`` is started by :mod:`alerting.preview.jobs` alone, so that a console's pages do not wait
for a replay: what is read was written by the same program a moment before.
"""

import os
import pickle
import sys

import msgspec

from alerting.preview.counting import Work, count

NICE = 10
"""Pages and alerts come first."""


def main() -> None:
    """Read, count, tell."""
    os.nice(NICE)
    work = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, by a pipe
    assert isinstance(work, Work)  # noqa: S101 - its only sender
    told = 0.0

    def say(share: float) -> None:
        nonlocal told
        if share - told >= 0.02:
            told = share
            _line({"share": share})

    _line({"counts": msgspec.to_builtins(count(work, say))})


def _line(value: dict[str, object]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
