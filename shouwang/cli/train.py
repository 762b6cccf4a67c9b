"""``shouwang train falls``: the fall model, made anew from recordings."""

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from device_simulators.recordings import SISFALL_HZ, load_sisfall
from edge_agent.fall import model, train

app = typer.Typer(help="Train models on recordings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Train models on recordings."""


@app.command()
def falls(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder with SisFall's <subject>.npz.")],
    seed: Annotated[int, typer.Option(help="The same recordings and seed give the same model.")] = 1,
    out: Annotated[Path, typer.Option(help="The model file; by default the one that is installed.")] = model.FILE,
) -> None:
    """Train the fall model on all subjects of a folder and write it (a small npz of plain numbers).

    How good the method is on people it has not seen: shouwang evaluate falls --cross-validate.
    """
    console = Console()
    files = sorted(data.glob("S*.npz"))
    if not files:
        typer.secho(f"no subject's file in {data}", err=True, fg="red")
        raise typer.Exit(2)
    impacts = collect_impacts(files, seed, console)
    with console.status("training"):
        arrays = train.fit(impacts, seed)
    out.write_bytes(_as_bytes(arrays))
    console.print(f"{len(impacts.copy)} impacts of {len(files)} subjects; {out} has {out.stat().st_size} bytes")


def collect_impacts(files: Sequence[Path], seed: int, console: Console) -> train.Impacts:
    """The impacts of all recordings, augmented; one process per core."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        jobs = [(file, seed) for file in files]
        parts = list(track(pool.map(_impacts, jobs), "impacts", total=len(jobs), console=console))
    return train.Impacts.join(parts)


def as_model(arrays: train.Arrays) -> model.Model:
    """The model that a file of these arrays would give."""
    return model.load(_as_bytes(arrays))


def _as_bytes(arrays: train.Arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _impacts(job: tuple[Path, int]) -> train.Impacts:
    file, seed = job
    return train.impacts_of(
        (
            train.Recording(file.stem, name, name.startswith("F"), acc, SISFALL_HZ)
            for name, (acc, _) in load_sisfall(file).items()
        ),
        seed,
    )
