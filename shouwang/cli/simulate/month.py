"""``shouwang simulate month``."""

from pathlib import Path
from typing import Annotated

import typer


def month(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for readings.csv, residents.toml, truth.jsonl.")],
    residents: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="Number of the first: kinds of episodes go by it.")] = 0,
    days: Annotated[int, typer.Option(min=8, max=400, help="How long.")] = 30,
    seed: Annotated[int, typer.Option(help="Which district.")] = 4,
    rate: Annotated[float, typer.Option(min=5, max=300, help="Seconds between two readings of a vital sign.")] = 60.0,
    ordinary: Annotated[bool, typer.Option(help="Without any episode.")] = False,
    outside: Annotated[
        bool, typer.Option("--outside", help="Homes of the scenes met outside: bug reports, cases; two people, cats.")
    ] = False,
) -> None:
    """A simulated month as files, to try the replay: readings, residents, and what is true."""
    from device_simulators.month.month import MonthOptions
    from shouwang.cli.actions.write_month import write_month

    options = MonthOptions(seed=seed, days=days, rate_s=rate, ordinary=ordinary, outside=outside)
    rows, episodes = write_month(out, range(first, first + residents), options)
    typer.echo(f"{rows:,} rows, {episodes} true episodes in {out}")
