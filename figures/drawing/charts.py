"""Draw charts as SVG with a title and a description; classes bear the colours, so that page and paper have their own.

Lines are told apart by their dashes and bars by patterns, not by colour alone. The table beside a chart has its
numbers.
"""

import math
from collections.abc import Callable, Sequence
from functools import singledispatch
from xml.sax.saxutils import escape

from figures.core.sections import BarPicture, Line, Picture, RunPicture, StackPicture

WIDTH = 560
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 46
RUN_HEIGHT = 220
BAR, LABEL = 30, 176
END = 112
"""Room for the words behind a bar."""
Point = tuple[float, float]
_At = Callable[[int, float], Point]


def svg(picture: Picture, name: str, style: str = "") -> str:
    """The picture as an SVG element. ``name``: unique on its page; ``style``: a sheet for one that stands alone."""
    body, height = _draw(picture)
    sheet = f"<style>{style}</style>" if style else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 {WIDTH} {height:g}" role="img"'
        f' aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(picture.title)}</title>'
        f'<desc id="{name}-d">{escape(picture.words)}</desc>{sheet}{body}</svg>'
    )


@singledispatch
def _draw(picture: Picture) -> tuple[str, float]:
    raise TypeError(type(picture))


@_draw.register
def _(picture: RunPicture) -> tuple[str, float]:
    """Lines over months, with the runs that chance hardly makes shaded."""
    values = [value for line in picture.lines for value in line.values if value is not None]
    low, high = scale(values)
    wide, tall = WIDTH - LEFT - RIGHT, RUN_HEIGHT - TOP - BOTTOM
    many = max(1, len(picture.labels) - 1)

    def at(place: int, value: float) -> Point:
        return LEFT + wide * place / many, TOP + tall * (1 - (value - low) / (high - low))

    parts = []
    for first, last in picture.marked:
        x = at(first, low)[0] - 8
        broad = at(last, low)[0] + 8 - x
        parts.append(f'<rect class="f-run" x="{x:.1f}" y="{TOP}" width="{broad:.1f}" height="{tall}"/>')
    steps = ticks(low, high)
    for value in steps:
        y = at(0, value)[1]
        parts.append(f'<line class="f-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        shown = short(value, steps[1] - steps[0])
        parts.append(f'<text class="f-text" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>')
    every = math.ceil(len(picture.labels) / 9)
    for place, label in enumerate(picture.labels):
        if place % every == 0:
            shown = label if place == 0 or label.endswith("-01") else label[5:] if len(label) == 7 else label
            x = at(place, low)[0]
            anchor, x = ("end", WIDTH) if x + wide_of(shown) / 2 > WIDTH else ("middle", x)
            parts.append(
                f'<text class="f-text" x="{x:.1f}" y="{RUN_HEIGHT - BOTTOM + 16}"'
                f' text-anchor="{anchor}">{escape(shown)}</text>'
            )
    for line in picture.lines:
        parts += _line(line, at)
    parts.append(_legend([(line.sort, line.name) for line in picture.lines], RUN_HEIGHT - 8, picture.unit))
    return "".join(parts), RUN_HEIGHT


def _line(line: Line, at: "_At") -> list[str]:
    points = [at(place, value) if value is not None else None for place, value in enumerate(line.values)]
    parts, row = [], []
    for point in [*points, None]:
        if point is not None:
            row.append(f"{point[0]:.1f},{point[1]:.1f}")
            continue
        if len(row) > 1:
            parts.append(f'<polyline class="f-{line.sort}" points="{" ".join(row)}"/>')
        row = []
    if line.sort in ("main", "second"):
        parts += [f'<circle class="f-dot-{line.sort}" cx="{p[0]:.1f}" cy="{p[1]:.1f}" r="3.5"/>' for p in points if p]
    return parts


def _legend(names: Sequence[tuple[str, str]], y: float, unit: str) -> str:
    x, parts = float(LEFT), []
    for sort, name in names:
        parts.append(f'<line class="f-{sort}" x1="{x:.0f}" x2="{x + 26:.0f}" y1="{y - 4}" y2="{y - 4}"/>')
        parts.append(f'<text class="f-text" x="{x + 32:.0f}" y="{y}">{escape(name)}</text>')
        x += 50 + wide_of(name)
    if unit:
        parts.append(f'<text class="f-text" x="{WIDTH - RIGHT}" y="{y}" text-anchor="end">{escape(unit)}</text>')
    return "".join(parts)


@_draw.register
def _(picture: BarPicture) -> tuple[str, float]:
    """Bars from zero, with their intervals as whiskers."""
    wide = WIDTH - LABEL - END
    parts = []
    for place, bar in enumerate(picture.bars):
        y = 8 + place * BAR
        parts.append(_label(bar.label, y))
        if bar.value is not None:
            length = wide * min(1.0, bar.value / picture.top)
            few = " f-few" if bar.few else ""
            parts.append(f'<rect class="f-bar{few}" x="{LABEL}" y="{y + 4}" width="{length:.1f}" height="{BAR - 12}"/>')
        if bar.low is not None and bar.high is not None:
            a, b = (LABEL + wide * min(1.0, end / picture.top) for end in (bar.low, bar.high))
            middle = y + BAR / 2 - 2
            ends = f"M{a:.1f} {middle - 5}v10M{a:.1f} {middle}H{b:.1f}M{b:.1f} {middle - 5}v10"
            parts.append(f'<path class="f-whisker" d="{ends}"/>')
        parts.append(
            f'<text class="f-text" x="{WIDTH - RIGHT}" y="{y + 18}" text-anchor="end">{escape(bar.text)}</text>'
        )
    return "".join(parts), 16 + BAR * len(picture.bars)


@_draw.register
def _(picture: StackPicture) -> tuple[str, float]:
    """Bars of parts, all on one scale; the second part is hatched, the third dotted."""
    wide = WIDTH - LABEL - END
    top = max((sum(stack.parts) for stack in picture.stacks), default=0) or 1
    parts = [
        '<defs><pattern id="f-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line class="f-hatch" x1="0" x2="0" y1="0" y2="6"/></pattern><pattern id="f-dots" width="6" height="6"'
        ' patternUnits="userSpaceOnUse"><circle class="f-dots" cx="3" cy="3" r="1.6"/></pattern></defs>'
    ]
    for place, stack in enumerate(picture.stacks):
        y, x = 8 + place * BAR, float(LABEL)
        parts.append(_label(stack.label, y))
        for sort, part in enumerate(stack.parts):
            length = wide * part / top
            parts.append(
                f'<rect class="f-part{sort}" x="{x:.1f}" y="{y + 4}" width="{length:.1f}" height="{BAR - 12}"/>'
            )
            x += length
        parts.append(
            f'<text class="f-text" x="{WIDTH - RIGHT}" y="{y + 18}" text-anchor="end">{escape(stack.text)}</text>'
        )
    y, x = 8 + BAR * len(picture.stacks), float(LABEL)
    for sort, name in enumerate(picture.names):
        parts.append(f'<rect class="f-part{sort}" x="{x:.0f}" y="{y + 6}" width="22" height="12"/>')
        parts.append(f'<text class="f-text" x="{x + 28:.0f}" y="{y + 17}">{escape(name)}</text>')
        x += 48 + wide_of(name)
    return "".join(parts), y + 28


def _label(label: str, y: float) -> str:
    shown = label
    while wide_of(shown) > LABEL - 12:
        shown = shown.removesuffix("…")[:-1] + "…"
    return f'<text class="f-text" x="{LABEL - 8}" y="{y + 18}" text-anchor="end">{escape(shown)}</text>'


def wide_of(words: str) -> float:
    """The width of words at 12 px, about."""
    return sum(12.5 if ord(letter) > 0x2E7F else 6.6 for letter in words)


def scale(values: Sequence[float]) -> tuple[float, float]:
    """Round ends of an axis. From zero, but where all lies close together: a share of 99.9 % has to be seen."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low <= 0 or high - low >= low / 4:
        return 0.0, _up(high, _step(high)) if high > 0 else 1.0
    rest = (high - low) or abs(high) / 100 or 1.0
    step = _step(2 * rest)
    begin, end = -_up(-(low - rest / 2), step), _up(high + rest / 2, step)
    return begin, min(end, 100.0) if high <= 100 and low > 50 else end


def ticks(low: float, high: float) -> list[float]:
    """The round values of an axis between its ends, four to seven of them."""
    step = _step(high - low)
    return [low + step * place for place in range(int((high - low) / step + 1e-6) + 1)]


def _step(span: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten of which at most five are in a span."""
    size = 10.0 ** math.floor(math.log10(span / 5))
    return next(size * one for one in (1, 2, 2.5, 5, 10, 20) if span / (size * one) <= 5 + 1e-9)


def _up(value: float, step: float) -> float:
    """The next multiple of a step."""
    return math.ceil(round(value / step, 6)) * step


def short(value: float, step: float) -> str:
    """A number of an axis whose numbers lie ``step`` apart."""
    digits = max(0, min(6, 1 - math.floor(math.log10(step)))) if step > 0 else 0
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
