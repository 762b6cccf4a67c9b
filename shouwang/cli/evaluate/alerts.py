"""``shouwang evaluate alerts``: a simulated month through the detection core, judged by what was true in it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from shouwang.cli.session import refusals


def alerts(
    residents: Annotated[int, typer.Option(min=1, max=100_000, help="Homes, of all series together.")] = 200,
    days: Annotated[int, typer.Option(min=8, max=400, help="How long; the first week is for learning.")] = 30,
    seed: Annotated[int, typer.Option(help="1 to 3: for tuning. Judge by any other one.")] = 4,
    series: Annotated[
        Literal["both", "usual", "outside"],
        typer.Option(help="Usual homes, those of scenes met outside (bug reports, cases), or half of each."),
    ] = "both",
    rate: Annotated[float, typer.Option(min=5, max=300, help="Seconds between two readings of a vital sign.")] = 60.0,
    false_falls: Annotated[float, typer.Option(min=0, help="Falls a month that the gateway suspects wrongly.")] = 0.2,
    settings: Annotated[list[str], typer.Option("--set", help="Another parameter: NAME=VALUE; repeatable.")] = [],  # noqa: B006
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")] = False,
    plot: Annotated[
        Path | None, typer.Option(file_okay=False, help="Draw missed episodes and false medical alerts (PNG) here.")
    ] = None,
    show: Annotated[str, typer.Option(help="With --plot: draw everything of this resident instead, e.g. M0004.")] = "",
    list_false: Annotated[bool, typer.Option(help="Print every false medical alert and missed episode.")] = False,
) -> None:
    """A simulated month: false medical alerts per resident-week, what was found, and how soon, by rule and scene.

    The month (device_simulators/month) has residents with a routine and a body, sensors with noise, artefacts and
    faults, and true episodes of 32 kinds; homes of the outside have some fifty scenes more, that must be told
    or stay quiet. How alerts and episodes are matched: docs/replay.md.
    Exit status 1 when an episode is missed or the false alerts are above 0.1 per resident-week.
    """
    from shouwang.cli.actions import judge_month

    with refusals(status=2):
        good = judge_month.run(
            judge_month.MonthRequest(
                residents=residents,
                days=days,
                seed=seed,
                series=series,
                rate_s=rate,
                false_falls=false_falls,
                settings=settings,
                jobs=jobs,
                as_json=as_json,
                plot=plot,
                show=show,
                list_false=list_false,
            )
        )
    raise typer.Exit(0 if good else 1)
