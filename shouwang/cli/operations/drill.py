"""The command ``shouwang drill``."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import refusals


def drill(
    name: Annotated[
        list[str] | None,
        typer.Argument(help="Drills by name; 'list' shows them. None: all of them, one after the other."),
    ] = None,
    short: Annotated[bool, typer.Option("--short", help="The short form: a few drills, in a minute or two.")] = False,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report (Markdown) here.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep data and logs of each drill in this new folder.")
    ] = None,
) -> None:
    """Break a platform under load, and account for every reading, alert and message.

    Each drill starts a platform of its own on loopback, with homes that send numbered readings and press SOS, breaks
    one thing (kill, stop, freeze, cut, slow, fill, clock, certificate, restore, fail-over), and compares the gateways'
    ledgers with the database and with what a provider of SMS got. Exit status 0: every drill holds; 1: one does not;
    2: a platform did not start; 3: one could not be run here, the others hold.
    """
    import datetime as dt
    import logging

    import structlog
    from rich.console import Console
    from rich.table import Table

    from shouwang.drills.catalogue import DRILLS
    from shouwang.drills.drill import run_drill
    from shouwang.drills.report import markdown, row

    out, progress = Console(), Console(stderr=True)
    if name == ["list"]:
        table = Table("drill", "演练", "", "s", "alert within, s", "short")
        for one in DRILLS.values():
            table.add_row(one.name, one.zh, one.en, f"{one.seconds:g}", f"{one.limit_s:g}", "yes" if one.short else "")
        out.print(table)
        return
    unknown = sorted(set(name or ()) - set(DRILLS))
    if unknown:
        raise typer.BadParameter(f"no drill named {', '.join(unknown)}; 'shouwang drill list' shows them")
    if data is not None and data.exists():
        raise typer.BadParameter(f"{data} exists already; name a new folder", param_hint="--data")
    chosen = [DRILLS[one] for one in name] if name else [one for one in DRILLS.values() if one.short or not short]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    results = []
    folder = data if data is not None else Path(tempfile.mkdtemp(prefix="shouwang-drill-"))
    try:
        with refusals(status=2), progress.status("…") as status:
            for number, one in enumerate(chosen, 1):
                results.append(run_drill(one, folder / one.name, lambda text: status.update(text)))
                progress.print(f"{number}/{len(chosen)} {row(results[-1])}", soft_wrap=True)
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)
        text = markdown(results, dt.datetime.now(dt.UTC))
        if report is not None and results:
            report.write_text(text, "utf-8")
    out.print(text, soft_wrap=True, markup=False)
    if not all(result.passed or result.refused for result in results):
        raise typer.Exit(1)
    raise typer.Exit(3 if any(result.refused for result in results) else 0)
