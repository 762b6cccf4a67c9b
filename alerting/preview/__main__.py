"""Count the alerts of one recording: a pickled work on standard input, the counts on standard output.

``python -m alerting.preview FD`` writes the share that is done to the file of that number. It is started by
:mod:`alerting.preview.jobs` alone, so that a console's pages do not wait for a replay: what is read was written by the
same program a moment before.
"""

import os
import pickle
import signal
import sys

import msgspec

from alerting.preview.counting import Work, count

MOST_S = 120
NICE = 10
"""Pages and alerts come first."""


def main() -> None:
    """Read, count, tell. Ends by itself after MOST_S, also where whoever asked is gone."""
    os.nice(NICE)
    signal.alarm(MOST_S)
    work = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, by a pipe
    assert isinstance(work, Work)  # noqa: S101 - its only sender
    told = 0.0
    with os.fdopen(int(sys.argv[1]), "w") as shares:

        def say(share: float) -> None:
            nonlocal told
            if share - told >= 0.02:
                told = share
                print(f"{share:.3f}", file=shares, flush=True)

        counts = count(work, say)
    sys.stdout.buffer.write(msgspec.json.encode(counts))


if __name__ == "__main__":
    main()
