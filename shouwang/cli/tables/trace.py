"""Table that ``shouwang trace`` prints."""

from rich.console import Console
from rich.table import Table

from dispatch.desk.trace import Trace
from dispatch.orders.states import WORDS
from vocabulary.times import SHANGHAI


def print_trace(trace: Trace) -> None:
    """Print the stamps, one a line, with the seconds since the first."""
    events = ", ".join(map(str, trace.event_ids)) or "—"
    print(f"预警 alert: {trace.alert_id or '—'}  事件 event: {events}")
    table = Table("时间 time", "之后 after", "部分 part", "步骤 step", "详情 detail")
    for step in trace.steps:
        zh, en = WORDS[step.en] if step.part == "orders" else (step.zh, step.en)
        words = en if zh == en else f"{zh} {en}"
        table.add_row(
            f"{step.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S.%f}",
            f"{step.after_s:.3f} s",
            step.part,
            words,
            step.detail,
        )
    Console().print(table)
