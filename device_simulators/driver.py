"""The simulated home as a driver of the edge agent: entry point ``simulated`` of ``shouwang.edge_drivers``."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from device_simulators.home import Decline, Home
from device_simulators.recordings import SISFALL_HZ, Motion, extract
from firmware_profiles.driver import DeviceConfig, Sink

STEP_S = 0.5
CHUNK_SAMPLES = 20
"""A pendant sends a tenth of a second at a time."""
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something out of the ordinary, ``at_s`` seconds after the start and then every ``every_s`` (0: once).

    ``wear``: the pendant is worn and streams its raw signal without a break, ``recordings`` one after the other and
    again; nothing else takes that long.
    """

    kind: Literal["fall", "sos", "held", "deterioration", "silence", "wear"]
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
            if scenario.kind in ("fall", "wear") and not scenario.recordings:
                raise ValueError(f"a scenario {scenario.kind!r} needs recordings; there are: {', '.join(extract())}")
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
                if scenario.kind in ("fall", "sos", "held", "wear"):
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
        if scenario.kind == "wear":
            await self._wear(scenario, sink)
        while True:
            if scenario.kind == "sos":
                sink.event("sos-button", "sos_pressed", sink.now_us(), {"action": "single"})
            elif scenario.kind == "held":
                sink.event("sos-button", "sos_held", sink.now_us(), {"action": "long"})
            else:
                for name in scenario.recordings:
                    await self._replay(name, sink)
            if not scenario.every_s:
                return
            await asyncio.sleep(scenario.every_s)

    async def _replay(self, name: str, sink: Sink) -> None:
        """Play a recording at its own speed, as the pendant would send it."""
        await self._play(_chunks(name), sink)

    async def _wear(self, scenario: Scenario, sink: Sink) -> None:
        await self._play(itertools.chain.from_iterable(map(_chunks, itertools.cycle(scenario.recordings))), sink)

    async def _play(self, chunks: Iterator[Motion], sink: Sink) -> None:
        start_us, begin = sink.now_us(), asyncio.get_running_loop().time()
        sent = 0
        for acc, gyro in chunks:
            # a chunk is sent when its last sample was taken
            due = begin + (sent + len(acc)) / SISFALL_HZ
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            sink.motion("pendant", start_us + round(sent * 1e6 / SISFALL_HZ), SISFALL_HZ, acc, gyro)
            sent += len(acc)


def _chunks(name: str) -> Iterator[Motion]:
    """A recording in pieces as the pendant sends them: views, nothing is copied or computed."""
    acc, gyro = extract()[name]
    for at in range(0, len(acc), CHUNK_SAMPLES):
        yield acc[at : at + CHUNK_SAMPLES], gyro[at : at + CHUNK_SAMPLES]
