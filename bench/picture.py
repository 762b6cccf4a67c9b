"""Draw the ratios of ``bench/history.csv`` as one SVG: a small chart a bench, ``python -m bench picture``.

Each chart has the figure of its bench that was measured on most days (of these, one that is held against a peer of the
same run). Its line is the ratio by run, red at its end where it is worse than before by more than a
tenth; the dashed line is the reference. Nothing but the file decides what is drawn.
"""

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from pathlib import Path

from bench.kept import ROOT, Kept, losses

PICTURE = ROOT / "docs" / "images" / "bench.svg"
COLUMNS, WIDTH, HEIGHT, GAP = 3, 300, 92, 14
LEFT, TOP, PLOT_W, PLOT_H = 10, 34, 214, 46
LONGEST = 46
INK, SOFT, GOOD, BAD = "#1f2933", "#6b7785", "#1b6e53", "#a33a2a"


def shown(history: Sequence[Kept]) -> list[list[Kept]]:
    """The runs of one figure of each bench, by the bench's name; full runs only."""
    by_bench: dict[str, dict[str, list[Kept]]] = defaultdict(lambda: defaultdict(list))
    for one in history:
        if one.run == "full":
            by_bench[one.bench][one.figure].append(one)
    charts = []
    for _, figures in sorted(by_bench.items()):
        name = min(figures, key=lambda figure: (-len(figures[figure]), figures[figure][-1].fixed, figure))
        charts.append(figures[name])
    return charts


def draw(history: Sequence[Kept]) -> str:
    """The picture, the same for the same history."""
    charts = shown(history)
    rows = -(-len(charts) // COLUMNS)
    width, height = COLUMNS * (WIDTH + GAP) + GAP, max(rows, 1) * (HEIGHT + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img" font-family="sans-serif" font-size="11">',
        "<title>Ratios of the benchmarks by run</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, runs in enumerate(charts):
        x, y = GAP + number % COLUMNS * (WIDTH + GAP), GAP + number // COLUMNS * (HEIGHT + GAP)
        parts += [f'<g transform="translate({x} {y})">', *_chart(runs), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def write(history: Sequence[Kept], file: Path = PICTURE) -> None:
    """Draw the history into a file."""
    file.write_text(draw(history), encoding="utf-8")


def _chart(runs: Sequence[Kept]) -> list[str]:
    last = runs[-1]
    values = [one.ratio for one in runs]
    high, low = max(*values, 1.0), min(*values, 1.0)
    span = (high - low) or 1.0

    def height_of(value: float) -> float:
        return TOP + PLOT_H - (value - low) / span * PLOT_H

    step = PLOT_W / max(len(runs) - 1, 1)
    points = [(LEFT + number * step, height_of(value)) for number, value in enumerate(values)]
    colour = BAD if losses([last], runs[:-1]) else GOOD
    name = last.figure if len(last.figure) <= LONGEST else last.figure[: LONGEST - 1] + "…"
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    better = "more is better" if last.better == "more" else "less is better"
    return [
        f'<text x="{LEFT}" y="11" fill="{INK}" font-weight="bold">{escape(last.bench)}</text>',
        f'<text x="{LEFT}" y="25" fill="{SOFT}">{escape(name)}</text>',
        f'<line x1="{LEFT}" x2="{LEFT + PLOT_W}" y1="{height_of(1.0):.1f}" y2="{height_of(1.0):.1f}" stroke="{SOFT}"'
        ' stroke-dasharray="3 3"/>',
        f'<polyline points="{line}" fill="none" stroke="{INK}" stroke-width="1.5"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>',
        f'<text x="{LEFT + PLOT_W + 8}" y="{TOP + 18}" fill="{colour}" font-size="14">{last.ratio:.3g}</text>',
        f'<text x="{LEFT + PLOT_W + 8}" y="{TOP + 32}" fill="{SOFT}" font-size="9">{better}</text>',
        f'<text x="{LEFT}" y="{HEIGHT}" fill="{SOFT}" font-size="9">{runs[0].date} – {last.date},'
        f" {len(runs)} run{'s' * (len(runs) > 1)}</text>",
    ]
