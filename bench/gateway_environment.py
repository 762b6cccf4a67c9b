"""What is installed on a gateway, for a process of this machine: our packages, and the libraries that these name."""

import compileall
import importlib.metadata
import os
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from shouwang.gateways.bundle import PACKAGES

ROOT = Path(__file__).parents[1]


def install(folder: Path) -> None:
    """Link what ``pip install shouwang``, without extras, would install into ``folder``, which is made.

    No library of a server is among it: what a library finds installed it loads, as structlog loads rich. Our modules
    are compiled, as pip leaves them.
    """
    folder.mkdir()
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    for name in {"shouwang"}.union(*(_with_dependencies(Requirement(one).name) for one in needed)):
        for file in importlib.metadata.distribution(name).files or []:
            link = folder / file.parts[0]
            if file.parts[0] not in ("..", "__pycache__") and not link.exists():
                link.symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / file.parts[0])
    for package in (*PACKAGES, "device_simulators"):
        compileall.compile_dir(ROOT / package, quiet=1)


def command_of(folder: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """A command of Python, and its environment, for which nothing but the libraries in ``folder`` is installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{folder}"
    return [sys.executable, "-S", *arguments], environment


def _with_dependencies(name: str) -> set[str]:
    found = {name}
    for needed in map(Requirement, importlib.metadata.requires(name) or []):
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            found |= _with_dependencies(needed.name)
    return found
