"""``shouwang train falls``: the fall models, made anew from recordings."""

from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import refusals

app = typer.Typer(help="Train models on recordings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Train models on recordings."""


@app.command()
def falls(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder with SisFall's <subject>.npz.")],
    seed: Annotated[int, typer.Option(help="The same recordings and seed give the same models.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Folder for the models; by default those installed.", show_default=False
        ),
    ] = None,
) -> None:
    """Train the fall models, of the trunk and of the thigh, on all subjects of a folder and write them (small npz
    files of plain numbers).

    How good the method is on people it has not seen: shouwang evaluate falls --cross-validate.
    """
    from shouwang.cli.actions import train_falls

    with refusals(status=2):
        train_falls.run(data, seed, out)
