"""``shouwang train falls``: collects impacts from recordings and fits the fall models to them."""

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from device_simulators.recordings import SISFALL_HZ, load_sisfall
from edge_agent.fall import model, train
from shouwang.evaluation.sisfall import course, is_fall


def run(data: Path, seed: int, out: Path | None) -> None:
    """Write the models of all subjects in the folder ``data`` to the folder ``out`` (None: the installed ones). Raises
    FileNotFoundError where there is no subject."""
    console = Console()
    files = subject_files(data)
    impacts = collect_impacts(files, seed, console)
    for part in model.PARTS:
        own = impacts.at(part)
        with console.status(f"training: {part}"):
            arrays = train.fit(own, seed)
        file = model.bundled_file(part)
        file = out / file.name if out else file
        file.write_bytes(_as_bytes(arrays))
        console.print(f"{len(own.copy)} impacts of {len(files)} subjects; {file} has {file.stat().st_size} bytes")


def subject_files(data: Path, subjects: Sequence[str] = ()) -> list[Path]:
    """List SisFall's files in a folder, those of ``subjects`` only where some are named. Raises FileNotFoundError where
    there are none."""
    files = [file for file in sorted(data.glob("S*.npz")) if not subjects or file.stem in subjects]
    if not files:
        raise FileNotFoundError(f"no subject's file in {data}")
    return files


def collect_impacts(files: Sequence[Path], seed: int, console: Console) -> train.Impacts:
    """Collect the impacts of all recordings, augmented; one process per core."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        jobs = [(file, seed) for file in files]
        parts = list(track(pool.map(_impacts, jobs), "impacts", total=len(jobs), console=console))
    return train.Impacts.join(parts)


def as_model(arrays: train.Arrays) -> model.Model:
    """Load the model that a file of these arrays would give."""
    return model.load(_as_bytes(arrays))


def _as_bytes(arrays: train.Arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _impacts(job: tuple[Path, int]) -> train.Impacts:
    file, seed = job
    return train.impacts_of(
        (
            train.Recording(
                subject=file.stem,
                name=name,
                is_fall=is_fall(name),
                acc_g=acc,
                rate_hz=SISFALL_HZ,
                gyro_dps=gyro,
                course=course(name),
            )
            for name, (acc, gyro) in load_sisfall(file).items()
        ),
        seed,
    )
