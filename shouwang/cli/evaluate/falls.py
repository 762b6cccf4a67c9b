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
    cross_validate: Annotated[
        bool, typer.Option(help="Train anew for each fifth of the subjects, on the others: no subject is in both.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the training, with --cross-validate.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write the figures (JSON) here.")] = None,
    plots: Annotated[Path | None, typer.Option(file_okay=False, help="Draw pictures (PNG) into this folder.")] = None,
    show_trials: Annotated[bool, typer.Option(help="Print every trial, not only those that went wrong.")] = False,
) -> None:
    """Sensitivity, specificity, delay and false alarms per hour of daily living.

    A recording counts as a fall when it holds a confirmed event or ends with a suspicion that was not taken back.
    Without --cross-validate the model that is installed is measured; it was trained on these subjects.
    """
    from shouwang.cli.actions import judge_falls

    with refusals(status=2):
        judge_falls.run(
            judge_falls.FallsRequest(
                data=data,
                subjects=subjects.split(",") if subjects else [],
                rate_hz=rate,
                cross_validate=cross_validate,
                seed=seed,
                report=report,
                plots=plots,
                show_trials=show_trials,
            )
        )
