"""Run the simulated home as a driver of the edge agent: entry point ``simulated`` of ``shouwang.edge_drivers``."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from device_simulators.faults import Faults, Piece, endless, replay
from device_simulators.home import Decline, Home
from device_simulators.motion import IMU_HZ, worn_motion
from device_simulators.recordings import extract
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig, Sink
from vocabulary.times import DAY_US, HOUR_US, LOCAL_US

STEP_S = 0.5
SIMULATED = "simulated 1.0"
"""Version of the program of a device that nobody made."""
TELLING = frozenset({"ble-gatt", "zigbee2mqtt", "esphome"})
"""Transports of which a driver learns a version."""
PIECE = IMU_HZ // 10
"""Samples: a pendant sends a tenth of a second at a time."""
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something out of the ordinary, ``at_s`` seconds after the start and then every ``every_s`` (0: once).

    ``wear``: the pendant is worn and streams its raw signal without a break: ``recordings`` one after the other and
    again, or the motion of an ordinary day. ``speed`` and ``faults`` say how a recording is played.
    """

    kind: Literal["fall", "sos", "held", "service", "deterioration", "silence", "wear"]
    at_s: Seconds
    every_s: Seconds = 0
    over_s: Seconds = 180
    for_s: Seconds = 900
    device: str = ""
    recordings: list[str] = []
    speed: Annotated[float, msgspec.Meta(gt=0, le=100)] = 1.0
    """Faster than life: the pieces come earlier, their time stamps stay those of the signal."""
    faults: Faults = Faults()


class SimulatedDriverOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seed: int = 1
    scenarios: list[Scenario] = []
    begins_at: Annotated[float, msgspec.Meta(ge=0, lt=24)] | None = None
    """Local hour at which the resident's day stands when the home starts; none: the hour of the clock."""
    since_us: int = 0
    """Moment at which a home's first readings begin, where another has told what was before; 0: a quarter of an hour
    before the start. No more than two hours are told at once."""
    memory: str = ""
    """File that keeps until when the home has told; a second start tells nothing again. Empty: none."""


class _Memory:
    """The moment (µs) until which a home has told its readings, over restarts and kills."""

    def __init__(self, file: str) -> None:
        self._file = Path(file) if file else None
        self.until_us = 0
        if self._file is not None and self._file.exists():
            text = self._file.read_text().strip()
            self.until_us = int(text) if text.isdigit() else 0

    def keep(self, until_us: int) -> None:
        """Call it before telling: killed between the two, a reading is not told, which is no reading told twice."""
        self.until_us = until_us
        if self._file is not None:
            beside = self._file.with_suffix(".new")
            beside.write_text(str(until_us))
            beside.replace(self._file)


class SimulatedDriver:
    """Driver ``simulated``: the data of a home's devices in real time. Raises ValueError for unknown options."""

    def __init__(self, options: Mapping[str, Any], devices: Sequence[DeviceConfig]) -> None:
        try:
            self._options = msgspec.convert(dict(options), SimulatedDriverOptions)
        except msgspec.ValidationError as error:
            raise ValueError(f"simulated driver: {error}") from error
        for scenario in self._options.scenarios:
            if scenario.kind == "fall" and not scenario.recordings:
                raise ValueError(f"a scenario 'fall' needs recordings; there are: {', '.join(extract())}")
            missing = set(scenario.recordings) - set(extract())
            if missing:
                raise ValueError(f"no recording {', '.join(sorted(missing))}; there are: {', '.join(extract())}")
        self._devices = {device.name for device in devices}
        self.firmware = {device.name: SIMULATED for device in devices if MODELS[device.model].transport in TELLING}
        """As drivers of real devices tell it: some transports know a version, others none."""

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
        home = Home(self._options.seed, declines, self._ahead_us(start_us))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._live(home, sink, start_us))
            for scenario in self._options.scenarios:
                if scenario.kind in ("fall", "sos", "held", "service", "wear"):
                    group.create_task(self._stage(scenario, sink))

    def _ahead_us(self, start_us: int) -> int:
        if self._options.begins_at is None:
            return 0
        return (round(self._options.begins_at * HOUR_US) - start_us - LOCAL_US) % DAY_US

    async def _live(self, home: Home, sink: Sink, start_us: int) -> None:
        silent_from = {s.device: start_us + round(s.at_s * 1e6) for s in self._options.scenarios if s.kind == "silence"}
        memory = _Memory(self._options.memory)
        # spot measurements are rare: begin with the last quarter of an hour, so that a new home is not blank
        done_us = max(start_us - 900_000_000, memory.until_us)
        if self._options.since_us and not memory.until_us:
            done_us = min(start_us, max(self._options.since_us, start_us - 2 * HOUR_US))
        while True:
            now_us = max(sink.now_us(), done_us)
            memory.keep(now_us)
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
            elif scenario.kind == "service":
                sink.event("two-keys", "service_called", sink.now_us(), {"action": "single_right"})
            else:
                for name in scenario.recordings:
                    await self._play(replay(extract()[name], scenario.faults, self._options.seed), scenario.speed, sink)
            if not scenario.every_s:
                return
            await asyncio.sleep(scenario.every_s)

    async def _wear(self, scenario: Scenario, sink: Sink) -> None:
        """Play the pendant's signal without a break: the recordings over and over, or an ordinary day."""
        if scenario.recordings:
            motions = [extract()[name] for name in scenario.recordings]
            await self._play(endless(motions, scenario.faults, self._options.seed), scenario.speed, sink)
        else:
            await self._play(_ordinary(self._options.seed, sink.now_us()), scenario.speed, sink)

    async def _play(self, pieces: Iterator[Piece], speed: float, sink: Sink) -> None:
        """Send the pieces of a signal as a pendant would, each when its last sample was taken."""
        start_us, begin = sink.now_us(), asyncio.get_running_loop().time()
        for piece in pieces:
            due = begin + piece.due_us / 1e6 / speed
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            sink.motion("pendant", start_us + piece.t_us, piece.rate_hz, piece.acc_g, piece.gyro_dps)


def _ordinary(seed: int, start_us: int) -> Iterator[Piece]:
    """The signal of a worn pendant from ``start_us`` on; computed a minute at a time."""
    first, minute = start_us * IMU_HZ // 1_000_000, 60 * IMU_HZ
    for begin in itertools.count(0, minute):
        acc, gyro = worn_motion(seed, first + begin, minute)
        for at in range(0, minute, PIECE):
            t_us, due_us = ((begin + n) * 1_000_000 // IMU_HZ for n in (at, at + PIECE))
            yield Piece(due_us, t_us, IMU_HZ, acc[at : at + PIECE], gyro[at : at + PIECE])
