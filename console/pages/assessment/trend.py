"""Draw a resident's assessments over time: the total on the ground of the grades, and each domain below it, as SVG."""

import datetime as dt
from collections.abc import Sequence
from xml.sax.saxutils import escape

from care_network.catalogues.ability import GRADES
from care_services.assessment.standard import standard
from care_services.assessment.store import Assessment
from console.shell.i18n import Language, pick

WIDTH, LEFT, RIGHT = 740, 44, 140
TOP, TALL, GAP, SMALL = 14, 210, 26, 46
HIGH = 80
"""From this total on the number stands below its point: above it there is no room."""
HALF = dt.timedelta(days=30)
"""Room at both ends where all lie on one day."""


def svg(signed: Sequence[Assessment], language: Language) -> str:
    """The picture of those in force, the oldest first; empty without any that has a total."""
    rules = standard()
    points = [(one.first.at, one) for one in signed if one.first is not None and one.total is not None]
    if not points:
        return ""
    begins, ends = points[0][0], points[-1][0]
    if ends - begins < HALF:
        begins, ends = begins - HALF, ends + HALF

    def x(at: dt.datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((at - begins) / (ends - begins))

    def line(values: Sequence[tuple[dt.datetime, float]], top: float, tall: float, most: int, sort: str) -> str:
        at = [(x(moment), top + tall * (1 - value / most)) for moment, value in values]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in at)
        dots = "".join(f'<circle class="trend-dot" cx="{a:.1f}" cy="{b:.1f}" r="4"/>' for a, b in at)
        return f'<polyline class="trend-line {sort}" points="{path}"/>{dots}'

    parts = []
    above = rules.maximum
    for grade, least in rules.grades:
        y, low = TOP + TALL * (1 - above / rules.maximum), TOP + TALL * (1 - least / rules.maximum)
        word = pick(language, *GRADES[grade])
        if grade == "intact":  # a line, and no ground: 90 alone
            y, low = TOP - 5, TOP + 2
        parts.append(
            f'<rect class="trend-{grade}" x="{LEFT}" y="{y:.1f}" width="{WIDTH - LEFT - RIGHT}"'
            f' height="{max(low - y, 1):.1f}"/>'
            f'<text class="trend-text" x="{WIDTH - RIGHT + 8}" y="{(y + low) / 2 + 4:.1f}">{escape(word)}</text>'
        )
        if grade != "intact":
            parts.append(f'<text class="trend-text" x="{LEFT - 6}" y="{low + 4:.1f}" text-anchor="end">{least}</text>')
        above = least
    parts.append(f'<text class="trend-text" x="{LEFT - 6}" y="{TOP + 4}" text-anchor="end">{rules.maximum}</text>')
    parts.append(line([(at, float(one.total or 0)) for at, one in points], TOP, TALL, rules.maximum, "total"))
    for at, one in points:
        y = TOP + TALL * (1 - (one.total or 0) / rules.maximum) + (19 if (one.total or 0) >= HIGH else -9)
        parts.append(f'<text class="trend-number" x="{x(at):.1f}" y="{y:.1f}" text-anchor="middle">{one.total}</text>')
    top = TOP + TALL + GAP + 12
    last = -100.0
    for at, _ in points:
        if x(at) - last > 64:
            last = x(at)
            parts.append(
                f'<text class="trend-text" x="{last:.1f}" y="{TOP + TALL + 18}" text-anchor="middle">{at:%Y-%m}</text>'
            )
    for domain in rules.domains:
        parts.append(
            f'<rect class="trend-ground" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{SMALL}"/>'
        )
        parts.append(
            line([(at, float((one.sums or {}).get(domain.code, 0))) for at, one in points], top + 4, SMALL - 8,
                 domain.maximum, domain.code)
        )  # fmt: skip
        newest = (points[-1][1].sums or {}).get(domain.code, 0)
        name = escape(_short(domain.zh, domain.en, language))
        parts.append(
            f'<text class="trend-text" x="{WIDTH - RIGHT + 8}" y="{top + 20}">{name}</text>'
            f'<text class="trend-text" x="{WIDTH - RIGHT + 8}" y="{top + 38}">{newest} / {domain.maximum}</text>'
        )
        top += SMALL + 10
    title = pick(language, "能力评估总分和各领域得分的变化", "Ability over time: total and domains")
    said = "；".join(f"{at:%Y-%m-%d} {one.total}" for at, one in points)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="trend" viewBox="0 0 {WIDTH} {top:g}" role="img"'
        f' aria-labelledby="trend-t trend-d"><title id="trend-t">{escape(title)}</title>'
        f'<desc id="trend-d">{escape(said)}</desc>{"".join(parts)}</svg>'
    )


def _short(zh: str, en: str, language: Language) -> str:
    return zh if language == "zh" else en.partition(" and ")[0]
