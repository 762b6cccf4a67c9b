"""``shouwang evaluate news2``: vital signs of a CSV through the detection core, held against the standard."""

from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import refusals


def news2(
    csv: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Readings, as of a replay: time,resident,device,channel,value.")
    ],
    residents: Annotated[
        Path | None, typer.Option(help="Who they are (TOML): SpO2 scale, oxygen; scale 1 on air without it.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Zone of times in the CSV that name none.")] = "Asia/Shanghai",
    settings: Annotated[list[str], typer.Option("--set", help="Another parameter: NAME=VALUE; repeatable.")] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")] = False,
    list_all: Annotated[
        bool, typer.Option("--list", help="Print every miss and every difference, not twenty.")
    ] = False,
) -> None:
    """Are NEWS2 alerts what the standard says? Vital signs of a CSV, judged by a plain scorer.

    Plays the file to the detection core that runs live, and scores every moment a second time, value by value, as a
    nurse reads the chart (RCP 2017). A moment is the time of one or more readings: the newest value of each parameter
    counts while it is fresh (news2.fresh_s of the detector), the others are stale or missing.

      shouwang evaluate news2 stays.csv

      shouwang evaluate news2 stays.csv --residents residents.toml --list

    The table: who reaches 3 in one parameter, 5, and 7; how many of them an alert of the right severity told, at the
    reading that made it so, or how much later. Below it: values to which the detector gives other points, words of an
    alert (value, points, fresh or stale, total, complete) that are not the standard's, and each miss with its score
    and what was said in its place. Of devices that measure all the time the alert states the value that has held,
    not the newest: differences there are no fault. More: docs/replay.md.

    Exit status 1 when anything differs or fewer than 97 % of those who reach 7 are told at that reading; 2 when the
    file cannot be judged.
    """
    from shouwang.cli.actions import judge_news2

    with refusals(status=2):
        good = judge_news2.run(
            judge_news2.News2Request(
                csv=csv, residents=residents, zone=zone, settings=settings, as_json=as_json, list_all=list_all
            )
        )
    raise typer.Exit(0 if good else 1)
