"""``shouwang evaluate falls``: the fall detector on recordings."""

from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import refusals

app = typer.Typer(help="Measure detectors on recordings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Measure detectors on recordings."""


@app.command()
def falls(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder with SisFall's <subject>.npz.")],
    subjects: Annotated[str, typer.Option(help="Only these, e.g. SA01,SE04.")] = "",
    rate: Annotated[float, typer.Option(help="Evaluate at this sample rate (Hz), by decimation.")] = 200.0,
    range_g: Annotated[float, typer.Option("--range", help="Clip at this range (g), as another sensor would.")] = 16.0,
    placement: Annotated[
        str,
        typer.Option(help="Simulate the sensor here: waist, chest or pocket. Evaluates a sensor mounted at random."),
    ] = "",
    cross_validate: Annotated[
        bool, typer.Option(help="Train anew for each fifth of the subjects, on the others: no subject is in both.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the training, with --cross-validate.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write the figures (JSON) here.")] = None,
    plots: Annotated[Path | None, typer.Option(file_okay=False, help="Draw pictures (PNG) into this folder.")] = None,
    show_trials: Annotated[bool, typer.Option(help="Print every trial, not only those that went wrong.")] = False,
) -> None:
    """Sensitivity, specificity, delay and false alarms per hour of daily living.

    With --placement the sensor is another one, with errors of gain and offset, turned at random and, for the pocket
    and the chest, moved there by simulation (docs/fall-detection.md).

    A recording counts as a fall when it holds a confirmed event or ends with a suspicion that was not taken back.
    Without --cross-validate the model that is installed is measured; it was trained on these subjects.
    """
    from edge_agent.fall.placement import PLACEMENTS
    from shouwang.cli.actions import judge_falls

    part = next((known for known in PLACEMENTS if known == placement), None)
    if placement and part is None:
        raise typer.BadParameter(f"{placement}: there are: {', '.join(PLACEMENTS)}", param_hint="--placement")
    with refusals(status=2):
        judge_falls.run(
            judge_falls.FallsRequest(
                data=data,
                subjects=subjects.split(",") if subjects else [],
                sensor=judge_falls.Sensor(rate, range_g, part),
                cross_validate=cross_validate,
                seed=seed,
                report=report,
                plots=plots,
                show_trials=show_trials,
            )
        )
