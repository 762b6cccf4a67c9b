"""The table that ``shouwang network protection`` prints."""

import datetime as dt
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from care_network.errors import ProvisioningError
from care_network.protection.functions import LEVELS, WORDS, Function, Level
from care_network.protection.history import Course
from vocabulary.times import SHANGHAI


def function_of(code: str | None) -> Function | None:
    """The function of a code; None for none. Raises ProvisioningError for one that there is not."""
    if code is None:
        return None
    try:
        return Function(code)
    except ValueError as error:
        known = ", ".join(Function)
        raise ProvisioningError(en=f"no function {code!r}; known: {known}", zh=f"没有守护项 {code}") from error


def print_history(lines: Sequence[Course], since: dt.datetime, until: dt.datetime) -> None:
    """Print residents and functions with their hours at each level; or say that nobody was blind."""
    first, last = (moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") for moment in (since, until))
    if not lines:
        print(f"{first} – {last}: 无人失去守护，也没有不明的时段 nobody was blind, and no time is unknown")
        return
    table = Table(title=f"{first} – {last}", title_justify="left")
    for head in ("老人 resident", "小区 compound", "守护项 function"):
        table.add_column(head)
    for level in Level:
        zh, en = LEVELS[level]
        table.add_column(f"{zh}（小时） {en} (h)", justify="right")
    table.add_column("失去守护次数 times blind", justify="right")
    for line in lines:
        hours = [f"{seconds / 3600:.1f}" for seconds in line.seconds]
        name = escape(f"{line.name_zh} {line.name_en}")
        table.add_row(
            f"{name} [dim]{escape(line.code)}[/]", escape(line.area_zh), " ".join(WORDS[line.function]), *hours,
            str(line.times_blind),
        )  # fmt: skip
    Console().print(table)
