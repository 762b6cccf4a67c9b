"""Simulated homes as the edge agent sees them: one configuration file each, run as tasks of one process."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from firmware_profiles.driver import DeviceConfig
from firmware_profiles.link.mqtt import Broker


def write_home(
    file: Path,
    gateway: str,
    broker: Broker,
    devices: Iterable[DeviceConfig],
    driver_options: Mapping[str, Any],
    command_keys: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write a gateway's configuration (TOML), as an installer would, with the simulated driver. ``command_keys``:
    public keys by the service whose commands they sign."""
    lines = [f"gateway = {_toml(gateway)}", "", "[broker]", f"host = {_toml(broker.host)}", f"port = {broker.port}"]
    for key in ("ca", "cert", "key"):
        path = getattr(broker, key)
        if path is not None:
            lines.append(f"{key} = {_toml(str(path))}")
    if command_keys:
        lines += ["", "[commands]", *(f"{service} = {_toml(keys)}" for service, keys in command_keys.items())]
    lines += ["", "[buffer]", f"path = {_toml(str(file.with_suffix('.db')))}"]
    for device in devices:
        lines += ["", "[[devices]]"]
        lines += [f"{key} = {_toml(getattr(device, key))}" for key in device.__struct_fields__ if getattr(device, key)]
    lines += ["", "[[drivers]]", 'kind = "simulated"', f"options = {_toml(driver_options)}"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    """A TOML value on one line. JSON's strings, numbers and lists are TOML's too; tables differ."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


async def run_homes(files: Iterable[Path], stop: asyncio.Event) -> None:
    """Run the edge agent of each configuration until ``stop``. An agent that ends with an error ends them all.

    Raises HomeConfigError for a home with device models of its own: they would be the other homes' too.
    """
    from edge_agent.agent import run_agent
    from edge_agent.config import HomeConfigError, load_home

    async with asyncio.TaskGroup() as group:
        for file in files:
            home = load_home(file)
            if home.models:
                raise HomeConfigError(f"{file}: a home with device models of its own needs a process: shouwang edge")
            group.create_task(run_agent(home.config, stop), name=file.stem)
