"""The agent of one home: it runs the drivers and turns their data into frames and events."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from edge_agent.alarm.runner import AlarmRunner
from edge_agent.bed import BedChange, BedWatch
from edge_agent.command_guard import CommandGuard
from edge_agent.config import CommandsConfig, DriverConfig, HomeConfig
from edge_agent.driver_loading import find_driver, make_driver
from edge_agent.fall.fusion import FallNews
from edge_agent.fall.movement import Movement
from edge_agent.fall.watch import STATES, FallWatch
from edge_agent.outbox.frames import FrameCutter
from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from edge_agent.updates.keeper import TrialKeeper
from edge_agent.updates.program import ProgramUpdater
from edge_agent.upkeep.line_watch import LineWatch
from edge_agent.upkeep.operation import GATEWAY_DEVICE, Operation
from edge_agent.upkeep.watchdog import DriverState
from edge_agent.uplink import Handler, Uplink
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import firmware_of
from observability.liveness import Liveness
from observability.systemd import Notifier

log = structlog.get_logger(__name__)

DRIVER_PAUSE_S = (1.0, 60.0)
"""Pause before a driver that failed is started again: the first at first, doubled by each failure up to the second."""
FIRST_FRAME_S = 0.1
"""Time from a start to its first frame: after a power cut the district waits to hear that the home is watched again."""
_EARLIEST_US, _LATEST_US = 0, 2**52
"""Times that can travel: 1970 to 2112."""


class Agent:
    """Sink of the drivers: passes their readings and events to the outbox, the fall watch and the local alarm."""

    def __init__(self, config: HomeConfig, outbox: Outbox, clock: Clock) -> None:
        self._config, self._outbox, self._clock = config, outbox, clock
        self._line = LineWatch(outbox, clock)
        self._frames = FrameCutter()
        self._falls = FallWatch(
            [
                device.name
                for device in config.devices
                if (model := MODELS.get(device.model)) and model.worn_part(device.room) == "pocket"
            ]
        )
        self._bed, self._movement = BedWatch(), Movement()
        self.uplink: Uplink | None = None
        self.drivers = [DriverState(driver.kind) for driver in config.drivers]
        memory = config.buffer.path.with_suffix(".alarm.json")
        owners = {device.name: device.resident for device in config.devices if device.resident}
        self.alarm = AlarmRunner(config.local_alarm, config.gateway, memory, self._report_alarm, clock, owners)
        self.operation = Operation(config, outbox, clock, self.drivers, self.alarm.probes)

    # Sink

    def now_us(self) -> int:
        return self._clock.now_us()

    def readings(self, device: str, channel: str, times_us: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        times_us = dated(times_us, self.now_us())
        self.operation.heard(device)
        self._frames.add(device, channel, times_us, values)
        if channel == "in_bed":
            self._report_bed(self._bed.readings(device, times_us, values))

    def event(
        self,
        device: str,
        kind: str,
        time_us: int,
        values: Mapping[str, str | int | float | bool] | None = None,
        evidence: bytes = b"",
    ) -> None:
        self.operation.heard(device)
        kind = self.alarm.judge(device, kind, time_us)
        kind = self.operation.buttons.judge(device, kind, time_us, self.now_us(), time.monotonic())
        if kind in STATES:
            self._report_falls(self._falls.state(device, kind, time_us, dict(values or {})))
        else:
            self._put_event(device, kind, time_us, dict(values or {}), evidence)

    def motion(
        self,
        device: str,
        t_us: int,
        sample_rate_hz: float,
        acc_g: NDArray[np.float32],
        gyro_dps: NDArray[np.float32] | None,
    ) -> None:
        self.operation.heard(device)
        self._report_falls(self._falls.feed(device, t_us, sample_rate_hz, acc_g, gyro_dps))
        if (minute := self._movement.feed(device, t_us, acc_g)) is not None:
            self.readings(device, "body_movement", np.array([minute[0]]), np.array([minute[1]], np.float32))

    def _report_falls(self, news: Iterable[FallNews]) -> None:
        for fall in news:
            self._put_event(fall.device, f"fall_{fall.kind}", fall.time_us, fall.values, fall.evidence)

    def _report_bed(self, changes: Iterable[BedChange]) -> None:
        for change in changes:
            self._put_event(change.device, change.kind, change.time_us, {}, b"")

    def _put_event(
        self, device: str, kind: str, time_us: int, values: dict[str, str | int | float | bool], evidence: bytes
    ) -> None:
        if not _EARLIEST_US <= time_us <= _LATEST_US:
            time_us = self.now_us()
        self._outbox.put_event(device, kind, time_us, values, evidence)
        self._pump()
        self.alarm.event(device, kind, time_us)

    def _report_alarm(self, device: str, kind: str, time_us: int, values: dict[str, str | int | float | bool]) -> None:
        self._outbox.put_event(device, kind, time_us, values, b"")
        self._pump()

    def report_refused_command(self, reason: str) -> None:
        """Tell the district that somebody commands this home who may not, or that its keys do not fit."""
        self.event(GATEWAY_DEVICE, "device_fault", self.now_us(), {"driver": "commands", "reason": reason[:200]})
        if self.uplink is not None:
            self.uplink.publish_status()

    # tasks

    def tend(self) -> None:
        """Do the periodic work, once a frame: advance falls and beds, cut the frame, check the clock and the disk."""
        self._report_falls(self._falls.advance(self.now_us()))
        self._report_bed(self._bed.advance(self.now_us()))
        self.cut_frames()
        if self.uplink is not None:
            self.uplink.tell_firmware(self.firmware())
        for kind, values in self._line.look():
            self.event(GATEWAY_DEVICE, kind, self.now_us(), values)
            if self.uplink is not None:
                self.uplink.publish_status()

    def firmware(self) -> dict[str, str]:
        """By device: the version of its own program, of those that told it since this start."""
        found: dict[str, str] = {}
        for state in self.drivers:
            if state.driver is not None:
                found |= firmware_of(state.driver)
        return found

    def cut_frames(self) -> None:
        goes_now = self.uplink is not None and self.uplink.online
        for base_us, series in self._frames.cut():
            self._outbox.put_frame(base_us, series, goes_now=goes_now)
        self._pump()

    def _pump(self) -> None:
        if self.uplink is not None:
            self.uplink.pump()

    async def keep_cutting(self, liveness: Liveness) -> None:
        """Do the periodic work until cancelled; raises RuntimeError when a thread has died."""
        part = liveness.part("frames")
        pause = min(FIRST_FRAME_S, self._config.frames.interval_s)
        while not liveness.faults:
            await asyncio.sleep(pause)
            self.tend()
            part.turned()
            pause = self._config.frames.interval_s
        raise RuntimeError(f"ended by a fault, see above: {', '.join(liveness.faults)}")

    async def keep_driving(self, driver: DriverConfig, state: DriverState) -> None:
        """Run a driver for ever: one that fails is reported and started again."""
        pause, longest = DRIVER_PAUSE_S
        while True:
            try:
                state.running = True
                state.driver = make_driver(driver, self._config)
                await state.driver.run(self)
                reason = "the driver ended by itself"
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
            state.running, state.fault = False, reason[:200]
            state.retry_at = asyncio.get_running_loop().time() + pause
            log.error(
                "driver failed", gateway=self._config.gateway, driver=driver.kind, reason=reason, again_in_s=pause
            )
            self.event(GATEWAY_DEVICE, "device_fault", self.now_us(), {"driver": driver.kind, "reason": reason[:200]})
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)


def dated(times_us: NDArray[np.int64], now_us: int) -> NDArray[np.int64]:
    """The times of readings, with those that no clock can mean set to ``now_us``: no driver's date may make a frame
    that the district cannot read. Shape [n], µs since 1970, UTC."""
    times = np.asarray(times_us, np.int64)
    return np.where((times < _EARLIEST_US) | (times > _LATEST_US), now_us, times)


async def run_agent(
    config: HomeConfig,
    stop: asyncio.Event,
    updaters: Sequence[TrialKeeper] = (),
    notifier: Notifier | None = None,
    liveness: Liveness | None = None,
) -> None:
    """Watch over one home until ``stop``, or until one of ``updaters`` asks for a restart. Unsent messages stay in the
    outbox. ``notifier`` keeps systemd informed; ``liveness`` gets the parts.

    Raises HomeConfigError where a driver is not installed, RuntimeError where the connection's thread has died.
    """
    liveness = liveness or Liveness()
    for driver in config.drivers:
        find_driver(driver.kind)
    clock = Clock()
    outbox = Outbox(config.buffer.path, config.gateway, clock, config.buffer.budget_mb * 1024 * 1024)
    agent = Agent(config, outbox, clock)
    notifier = notifier or Notifier({}, 0)
    handlers: dict[str, Handler] = {
        "ping": lambda _: "pong",
        "alert_received": agent.alarm.handle_received,
        "help_coming": agent.alarm.handle_coming,
        **agent.operation.handlers(lambda: agent.uplink),
    }
    for updater in updaters:
        handlers[updater.command] = updater.receive
        others = [one for one in updaters if one is not updater]
        if isinstance(updater, ProgramUpdater):
            updater.busy = lambda others=others: _busy(outbox, agent.alarm) or _trying(others)  # type: ignore[misc]
        else:
            updater.busy = lambda others=others: _trying(others)  # type: ignore[misc]
    sent = SentMessages(config.buffer.path.with_suffix(".sent"), config.buffer.sent_mb * 1024 * 1024)
    guard = CommandGuard(
        config.commands or CommandsConfig(),
        config.gateway,
        config.buffer.path.with_suffix(".commands.json"),
        clock.now_us,
        agent.report_refused_command,
    )
    own = agent.operation.certificate
    broker = config.broker if own is None else own.broker
    uplink = agent.uplink = Uplink(
        broker,
        config.gateway,
        outbox,
        clock,
        handlers,
        sent,
        certificate_until_us=lambda: 0 if own is None else own.until_us,
        guard=guard,
    )
    liveness.gauges.append(lambda: _show(outbox))
    liveness.certificates = broker.certificates
    uplink.start(liveness.part("broker link"))
    tasks = [
        asyncio.create_task(work)
        for work in (
            agent.keep_cutting(liveness),
            agent.alarm.run(),
            *agent.operation.tasks(agent, uplink, notifier, liveness),
            *(agent.keep_driving(*pair) for pair in zip(config.drivers, agent.drivers, strict=True)),
        )
    ]
    ends = [asyncio.create_task(_wait(stop))]
    for updater in updaters:
        ends.append(asyncio.create_task(_wait(updater.restart)))
        judging = updater.judge(lambda: uplink.online, agent.event, uplink.reply, GATEWAY_DEVICE)
        tasks.append(asyncio.create_task(judging))
    try:
        await asyncio.wait([*ends, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()  # a task that ends by itself is a fault: the supervisor must hear of it
    finally:
        liveness.finish()
        notifier.tell("STOPPING=1" if stop.is_set() else "STATUS=restarting with another version")
        for task in (*ends, *tasks):
            task.cancel()
        await asyncio.gather(*ends, *tasks, return_exceptions=True)
        agent.cut_frames()
        await uplink.stop()
        outbox.close()


def _show(outbox: Outbox) -> None:
    from observability import metrics  # a gateway whose probes are off does without

    metrics.outbox_waiting.set(outbox.totals().pending)


def _busy(outbox: Outbox, alarm: AlarmRunner) -> str:
    """Why this is no moment for another program; "": it is one."""
    waiting = outbox.totals().pending
    if waiting:
        return f"{waiting} messages wait in the buffer"
    return "an emergency of this home is not yet answered" if alarm.open_emergencies else ""


def _trying(updaters: Iterable[TrialKeeper]) -> str:
    trying = [one.subject for one in updaters if one.state.trial is not None or one.restart.is_set()]
    return f"another {trying[0]} is on trial" if trying else ""


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
