"""The simulated home as a driver of the edge agent: entry point ``simulated`` of ``shouwang.edge_drivers``."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from device_simulators.home import Decline, Home
from device_simulators.recordings import SISFALL_HZ, extract
from firmware_profiles.driver import DeviceConfig, Sink

STEP_S = 0.5
CHUNK_SAMPLES = 20
"""A pendant sends a tenth of a second at a time."""
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something out of the ordinary, ``at_s`` seconds after the start and then every ``every_s`` (0: once)."""

    kind: Literal["fall", "sos", "deterioration", "silence"]
    at_s: Seconds
    every_s: Seconds = 0
    over_s: Seconds = 180
    for_s: Seconds = 900
    device: str = ""
    recordings: list[str] = []


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seed: int = 1
    scenarios: list[Scenario] = []


class SimulatedDriver:
    """Says in real time what the home's devices would say. Raises ValueError for options it does not know."""

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        try:
            self._options = msgspec.convert(dict(options), Options)
        except msgspec.ValidationError as error:
            raise ValueError(f"simulated driver: {error}") from error
        for scenario in self._options.scenarios:
            missing = set(scenario.recordings) - set(extract())
            if missing:
                raise ValueError(f"no recording {', '.join(sorted(missing))}; there are: {', '.join(extract())}")
        self._devices = {device.name for device in devices}

    async def run(self, sink: Sink) -> None:
        start_us = sink.now_us()
        declines = tuple(
            Decline(
                start_us + round(s.at_s * 1e6),
                max(1, round(s.over_s * 1e6)),
                start_us + round((s.at_s + s.for_s) * 1e6),
            )
            for s in self._options.scenarios
            if s.kind == "deterioration"
        )
        home = Home(self._options.seed, declines)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._live(home, sink, start_us))
            for scenario in self._options.scenarios:
                if scenario.kind in ("fall", "sos"):
                    group.create_task(self._stage(scenario, sink))

    async def _live(self, home: Home, sink: Sink, start_us: int) -> None:
        silent_from = {s.device: start_us + round(s.at_s * 1e6) for s in self._options.scenarios if s.kind == "silence"}
        # spot measurements are rare: begin with the last quarter of an hour, so that a new home is not blank
        done_us = start_us - 900_000_000
        while True:
            now_us = sink.now_us()
            for column in home.columns(done_us, now_us):
                if column.device in self._devices and now_us < silent_from.get(column.device, now_us + 1):
                    sink.readings(column.device, column.channel, column.times_us, column.values)
            for happening in home.happenings(max(done_us, start_us), now_us):
                if happening.device in self._devices:
                    sink.event(happening.device, happening.kind, happening.time_us, happening.values)
            done_us = now_us
            await asyncio.sleep(STEP_S)

    async def _stage(self, scenario: Scenario, sink: Sink) -> None:
        await asyncio.sleep(scenario.at_s)
        while True:
            if scenario.kind == "sos":
                sink.event("sos-button", "sos_pressed", sink.now_us(), {"action": "single"})
            else:
                for name in scenario.recordings:
                    await self._replay(name, sink)
            if not scenario.every_s:
                return
            await asyncio.sleep(scenario.every_s)

    async def _replay(self, name: str, sink: Sink) -> None:
        """Play a recording at its own speed, as the pendant would send it."""
        acc, gyro = extract()[name]
        start_us, begin = sink.now_us(), asyncio.get_running_loop().time()
        for at in range(0, len(acc), CHUNK_SAMPLES):
            chunk = slice(at, at + CHUNK_SAMPLES)
            # a chunk is sent when its last sample was taken
            await asyncio.sleep(max(0.0, begin + (at + CHUNK_SAMPLES) / SISFALL_HZ - asyncio.get_running_loop().time()))
            t_us = start_us + round(at * 1e6 / SISFALL_HZ)
            sink.motion("pendant", t_us, SISFALL_HZ, acc[chunk].astype(np.float32), gyro[chunk].astype(np.float32))
