"""Keep a gateway in order beside its work: health figures, button tests, self test, watchdog."""

import asyncio
import errno
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import structlog

from edge_agent.config import HomeConfig
from edge_agent.files import probe_writable
from edge_agent.outbox.outbox import Outbox
from edge_agent.timekeeping.clock import Clock
from edge_agent.timekeeping.ntp import read_clock
from edge_agent.upkeep.button_tests import DUE, ButtonTests
from edge_agent.upkeep.certificate import ASK_AGAIN_S, OwnCertificate, file_of
from edge_agent.upkeep.certificate import COMMAND as CERTIFICATE
from edge_agent.upkeep.certificate import LOOK_S as RENEWAL_LOOK_S
from edge_agent.upkeep.health import GatewayHealth
from edge_agent.upkeep.watchdog import DriverState, status_line
from edge_agent.uplink import Handler, Uplink
from firmware_profiles import wire
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import Sink
from observability.liveness import Liveness, live
from observability.systemd import Notifier

log = structlog.get_logger(__name__)

HEALTH_INTERVAL_S = 60.0
BUTTONS_INTERVAL_S = 5.0
GATEWAY_DEVICE = "gateway"
COMMAND_AGE_US = 60_000_000
"""An announcement older than this is refused: the person at the button has gone."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

Probe = Callable[[], str]
"""Tests a part of the gateway (a modem, a siren): "" where it is well, else the fault."""


class Operation:
    """The upkeep of one gateway, in the agent's event loop."""

    def __init__(
        self,
        config: HomeConfig,
        outbox: Outbox,
        clock: Clock,
        drivers: list[DriverState],
        probes: Mapping[str, Probe],
    ) -> None:
        self._clock = clock
        self._folder = config.buffer.path.absolute().parent
        self._outbox, self._drivers, self._probes = outbox, drivers, probes
        self._health = GatewayHealth(self._folder)
        self._sensors: dict[str, float | None] = {device.name: None for device in config.devices}
        records = config.buffer.path.with_suffix(".buttons.json")
        self._announced: tuple[str, str] = ("", "")  # command id, answer
        self.certificate = _own_certificate(config)
        self.buttons = ButtonTests(records, config.devices, MODELS)

    def handlers(self, uplink: Callable[[], Uplink | None]) -> dict[str, Handler]:
        """The commands ``start_button_test`` (args: device), ``self_test`` and ``certificate``."""
        renewal: dict[str, Handler] = {}
        if (certificate := self.certificate) is not None:

            def take(command: wire.Command) -> str:
                answer = certificate.take(command)
                if (line := uplink()) is not None:
                    line.publish_status()  # it tells the new end
                return answer

            renewal[CERTIFICATE] = take
        return {
            **renewal,
            "start_button_test": self._start_button_test,
            "self_test": lambda _: self.self_test(uplink()),
        }

    def tasks(
        self, sink: Sink, uplink: Uplink, notifier: Notifier, liveness: Liveness
    ) -> list[Coroutine[Any, Any, None]]:
        """The tasks that run beside the drivers until they are cancelled."""
        return [
            self._keep_renewing(uplink),
            self._keep_reporting(sink, uplink),
            self._keep_reminding(sink),
            self._keep_notifying(uplink, notifier, liveness),
        ]

    def heard(self, device: str) -> None:
        """Note that a device has sent something; the self test says how long ago."""
        if device in self._sensors:
            self._sensors[device] = asyncio.get_running_loop().time()

    def self_test(self, uplink: Uplink | None) -> str:
        """Test every part, writing to the disk too; the results as JSON, summed up in ``ok``.

        Sensors are told with the seconds since they were heard, None: not since the start; they count not for ``ok``,
        for many report once a day.
        """
        now = asyncio.get_running_loop().time()
        clock = read_clock()
        disk = _disk_fault(self._folder)
        faults = {state.kind: "" if state.running else state.fault or "does not run" for state in self._drivers}
        probes = {name: probe() for name, probe in self._probes.items()}
        round_trip = None if uplink is None or uplink.round_trip_s is None else round(uplink.round_trip_s * 1000, 1)
        figures = self._health.standing()
        results: dict[str, Any] = {
            "ok": not disk and not any(faults.values()) and not any(probes.values()),
            "buffer": {"fault": disk, "waiting": self._outbox.totals().pending},
            "clock": None if clock is None else msgspec.to_builtins(clock),
            "drivers": faults,
            "stuck": [state.kind for state in self._drivers if not state.alive(now)],
            "broker_round_trip_ms": round_trip,
            "sensors": {name: None if at is None else round(now - at, 1) for name, at in self._sensors.items()},
            **figures,
            **probes,
        }
        return msgspec.json.encode(results).decode()

    def _start_button_test(self, command: wire.Command) -> str:
        if command.id == self._announced[0]:  # delivered twice: a second press would be taken for a test
            return self._announced[1]
        device = command.args.get("device")
        if not isinstance(device, str):
            raise ValueError("args.device is missing: the name of the button that will be pressed")
        age_us = abs(self._clock.now_us() - command.time_us)
        if age_us > COMMAND_AGE_US:
            raise ValueError(f"sent {age_us / 1e6:.0f} s ago by its time; announce the test again, or set the clocks")
        self._announced = (command.id, self.buttons.announce(device, self._clock.now_us(), time.monotonic()))
        return self._announced[1]

    async def _keep_reporting(self, sink: Sink, uplink: Uplink) -> None:
        while True:
            await asyncio.sleep(HEALTH_INTERVAL_S)
            figures = self._health.read() | {"buffer_depth": float(self._outbox.totals().pending)}
            if uplink.round_trip_s is not None:
                figures["uplink_round_trip"] = uplink.round_trip_s * 1000
            time_us = np.array([self._clock.now_us()], np.int64)
            for channel, value in figures.items():
                sink.readings(GATEWAY_DEVICE, channel, time_us, np.array([value], np.float32))

    async def _keep_reminding(self, sink: Sink) -> None:
        while True:
            for reminder in self.buttons.look(self._clock.now_us(), time.monotonic()):
                log.info("button test due", device=reminder.device, days=reminder.days, reason=reminder.reason)
                sink.event(
                    reminder.device, DUE, self._clock.now_us(), {"days": reminder.days, "reason": reminder.reason}
                )
            await asyncio.sleep(BUTTONS_INTERVAL_S)

    async def _keep_renewing(self, uplink: Uplink) -> None:
        """Ask for a renewed certificate when it is due, and again while no answer comes."""
        loop = asyncio.get_running_loop()
        asked = -ASK_AGAIN_S
        while self.certificate is not None:
            due = self._clock.now_us() / 1e6 >= self.certificate.due_at.timestamp()
            if due and uplink.online and loop.time() - asked >= ASK_AGAIN_S:
                asked = loop.time()
                uplink.request_certificate(self.certificate.request())
            await asyncio.sleep(RENEWAL_LOOK_S)
        await asyncio.Event().wait()  # nothing to renew; an ended task would end the agent

    async def _keep_notifying(self, uplink: Uplink, notifier: Notifier, liveness: Liveness) -> None:
        """Feed systemd's watchdog while this loop turns, the disk writes, and no driver and no thread is stuck."""
        loop = asyncio.get_running_loop()
        notifier.tell("READY=1")
        while True:
            # in a thread: a disk that hangs must not stop the other messages
            fault = ""
            if time.monotonic() - self._outbox.committed_s > notifier.interval_s:  # else a commit has shown it
                fault = await asyncio.to_thread(_disk_fault, self._folder, FULL)
            findings = liveness.look()
            stuck = [state.kind for state in self._drivers if not state.alive(loop.time())]
            status = status_line(uplink.online, self._outbox.totals().pending, self._drivers)
            dead = [one.name for one in findings if not live([one])]
            if fault or stuck or dead:
                log.error("the watchdog is not fed", disk=fault, stuck_drivers=stuck, stuck_parts=dead)
                notifier.tell(status)
            else:
                notifier.tell("WATCHDOG=1", status)
            await asyncio.sleep(notifier.interval_s)


def _own_certificate(config: HomeConfig) -> OwnCertificate | None:
    """None: there is none (plain TCP), or it cannot be read now, and the connection says so."""
    if config.broker.ca is None or config.broker.cert is None:
        return None
    try:
        return OwnCertificate(config.gateway, config.broker, file_of(config))
    except (OSError, ValueError) as error:
        log.error("the certificate cannot be renewed", gateway=config.gateway, reason=str(error))
        return None


def _disk_fault(folder: Path, forgiven: frozenset[int] = frozenset()) -> str:
    try:
        probe_writable(folder)
    except OSError as error:
        # the outbox makes room on a full disk; a restart would only lose messages in memory
        return "" if error.errno in forgiven else f"{folder}: {error.strerror}"
    return ""
