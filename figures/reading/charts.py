"""Run charts of a window's months, with what their rules say about them in words."""

from figures.core import months, runs
from figures.core.sections import Line, RunPicture
from figures.reading.scope import Window


def run_picture(
    w: Window, title: str, values: list[float | None], *, more: tuple[Line, ...] = (), unit: str = "", name: str = ""
) -> RunPicture:
    """A run chart of the window's months, with its median and what the rules say about it."""
    chart = runs.read(values)
    lines = [Line(name or title, tuple(values)), *more]
    if chart.middle is not None:
        lines.append(Line(w.say("中位线", "median"), tuple([chart.middle] * len(values)), "middle"))
    return RunPicture(
        title,
        run_words(w, chart),
        tuple(months.code(month) for month in w.trend),
        tuple(lines),
        unit,
        tuple((one.first, one.last) for one in chart.signals),
    )


def run_words(w: Window, chart: runs.RunChart) -> str:
    """Say what a run chart shows."""
    there = sum(value is not None for value in chart.values)
    if not chart.enough:
        return w.say(
            f"只有 {there} 个月有数据，不足 {runs.ENOUGH} 个月，不作走势判断。",
            f"{there} months have data; below {runs.ENOUGH} nothing is concluded.",
        )
    if not chart.signals:
        return w.say("没有超出偶然波动的变化。", "Nothing beyond the play of chance.")
    said = []
    for one in chart.signals:
        first, last = (months.code(w.trend[place]) for place in (one.first, one.last))
        if one.kind == "shift":
            said.append(
                w.say(
                    f"{first} 至 {last} 持续{'高于' if one.up else '低于'}中位线",
                    f"from {first} to {last} all {'above' if one.up else 'below'} the median",
                )
            )
        else:
            said.append(
                w.say(
                    f"{first} 至 {last} 持续{'上升' if one.up else '下降'}",
                    f"from {first} to {last} {'rising' if one.up else 'falling'}",
                )
            )
    often = f"{100 * runs.by_chance(there):.0f}"
    text = w.say(
        "；".join(said) + f"：按走势图规则是信号，应查原因（纯属偶然时，{there} 个月的走势图约 {often}% 也会这样）。",
        "; ".join(said) + f": a signal by the rules of run charts, whose cause is worth a look (of charts of {there}"
        f" months with nothing but chance in them some {often} % show one, too).",
    )
    return text[:1].upper() + text[1:]
