"""Keep the ratios of runs in ``bench/history.csv`` by date and commit, and name what became worse.

A ratio to a peer or to a bare operation of the same run says little about the machine; one to a fixed limit or goal
(``fixed``) says as much about the machine as about the program.
"""

import csv
import io
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from bench.figures import Figure

ROOT = Path(__file__).parent.parent
HISTORY = Path(__file__).with_name("history.csv")
OWN = ("bench/results.json", "bench/history.csv", "docs/images/bench.svg")
"""What a run writes itself: these do not make a tree unclean."""
WORSE = 0.1
"""Share of a loss from which it is named."""
FIXED = frozenset({"limit", "goal", "felt", "a district's peak", "sent"})
A_PAGE = "care: /"
"""Begin of the names of single pages: of hundreds the slowest is kept."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A ratio of one run. ``version``: of the program; ``run``: 'full' or 'quick'; ``better``: 'more' or 'less'."""

    date: str
    commit: str
    version: str
    run: str
    bench: str
    figure: str
    ratio: float
    better: str
    fixed: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """The figure's identity: a quick run is held against quick ones alone."""
        return self.run, self.bench, self.figure


class Loss(msgspec.Struct, frozen=True):
    """A ratio that became worse by ``share``: what it is now, and was."""

    now: Kept
    was: Kept
    share: float


def kept_of(bench: str, figures: Iterable[Figure], *, date: str, commit: str, version: str, run: str) -> list[Kept]:
    """The ratios among these figures."""
    return [
        Kept(
            date=date,
            commit=commit,
            version=version,
            run=run,
            bench=bench,
            figure=figure.name,
            ratio=round(figure.ratio, 4),
            better="more" if figure.unit.endswith("/s") else "less",
            fixed=figure.reference_name in FIXED,
        )
        for figure in figures
        if figure.ratio is not None and not figure.name.startswith(A_PAGE)
    ]


def losses(now: Iterable[Kept], history: Sequence[Kept]) -> list[Loss]:
    """What is worse by more than :data:`WORSE` than the last run of an earlier version, the worst first; a figure that
    no earlier version has is held against its last run."""
    found = []
    for one in now:
        same = [old for old in history if old.key == one.key]
        earlier = [old for old in same if old.version != one.version] or same
        if not earlier or not one.ratio or not earlier[-1].ratio:
            continue
        was = earlier[-1]
        share = 1 - one.ratio / was.ratio if one.better == "more" else 1 - was.ratio / one.ratio
        if share > WORSE:
            found.append(Loss(one, was, share))
    return sorted(found, key=lambda loss: -loss.share)


def read() -> list[Kept]:
    """All kept ratios, the oldest first."""
    if not HISTORY.exists():
        return []
    with HISTORY.open(encoding="utf-8", newline="") as lines:
        return [msgspec.convert(row, Kept, strict=False) for row in csv.DictReader(lines)]


def append(now: Iterable[Kept]) -> None:
    """Add these ratios at the end of the file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, Kept.__struct_fields__, lineterminator="\n")
    if not HISTORY.exists():
        writer.writeheader()
    for one in now:
        writer.writerow({**msgspec.to_builtins(one), "fixed": str(one.fixed).lower()})
    with HISTORY.open("a", encoding="utf-8", newline="") as lines:
        lines.write(text.getvalue())


def version() -> str:
    """The program's version."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def clean_commit() -> str:
    """The commit of a tree without changes, but for what a run writes; '' for any other tree, or none at all."""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        commit = _git("rev-parse", "--short=8", "HEAD").strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    others = [line for line in changed.splitlines() if line[3:] not in OWN]
    return "" if others else commit


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout
