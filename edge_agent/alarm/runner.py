"""Run the local alarm in an agent: clock, threads, memory on disk, reports to the district."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from edge_agent.alarm.channels import CALLING, COMING, Reacher, Sounder, sms_text
from edge_agent.alarm.modem import Modem
from edge_agent.alarm.rules import Action, Began, Cause, Ended, LocalAlarm, PlanStep, Reach, Silence, Sound, WayName
from edge_agent.alarm.settings import Contact, LocalAlarmConfig
from edge_agent.alarm.sounders import Siren, Voice
from edge_agent.alarm.webhook import Webhook
from edge_agent.files import write_durably
from edge_agent.timekeeping.clock import Clock
from firmware_profiles import wire

log = structlog.get_logger(__name__)

TICK_S = 0.25
FORGET_US = 1_800_000_000
"""Emergencies older than this are dropped at a restart: the district has had the time to hear of them."""
EVENT = "local_alarm"

Values = dict[str, str | int | float | bool]
StoreEvent = Callable[[str, str, int, Values], None]
"""Stores an event in the outbox: (device, event kind, time in µs, values)."""


class AlarmRunner:
    """The local alarm of one gateway, in the agent's event loop. It announces help even without contacts."""

    def __init__(
        self,
        config: LocalAlarmConfig,
        gateway: str,
        memory: Path,
        store: StoreEvent,
        clock: Clock,
        owners: Mapping[str, str] | None = None,
    ) -> None:
        self._config, self._memory, self._store, self._clock = config, memory, store, clock
        self._home = config.home or gateway
        wait_us, pause_us = round(config.wait_s * 1e6), round(config.pause_s * 1e6)
        self._rules = LocalAlarm(config.plan(), wait_us, config.rounds, pause_us, owners)
        self._ways: dict[WayName, Reacher] = {}
        self.probes: dict[str, Callable[[], str]] = {}
        if config.modem is not None:
            modem = Modem(config.modem)
            self._ways |= {"call": modem.call, "sms": modem.sms}
            self.probes["modem"] = modem.probe
        if config.webhook is not None:
            webhook = Webhook(config.webhook, gateway)
            self._ways["webhook"] = webhook.reach
            self.probes["webhook"] = webhook.probe
        self._sounders: list[Sounder] = []
        for name, sounder in (
            ("voice", None if config.voice is None else Voice(config.voice)),
            ("siren", None if config.siren is None else Siren(config.siren)),
        ):
            if sounder is not None:
                self._sounders.append(sounder)
                self.probes[name] = sounder.probe
        self._coming: dict[str, str] = {}  # command id: answer
        self._tasks: set[asyncio.Task[None]] = set()
        self._remembered: list[tuple[Cause, int]] = self._recall()

    @property
    def open_emergencies(self) -> int:
        """Emergencies of this home that the district has not answered."""
        return len(self._rules.unfinished())

    def judge(self, device: str, kind: str, time_us: int) -> str:
        """The kind under which an event is stored: a held button calls, or cancels a false alarm."""
        return self._rules.judge(device, kind, time_us)

    def event(self, device: str, kind: str, time_us: int) -> None:
        """Take in an event of this home that is in the outbox already."""
        self._do(self._rules.event(Cause(device, kind, time_us), _monotonic_us()))
        self._remember()

    def handle_received(self, command: wire.Command) -> str:
        """Handle ``alert_received`` (args: device, time_us): the district has this emergency."""
        device, time_us = _named(command)
        self._do(self._rules.answered_by_district(device, time_us))
        self._remember()
        return "noted"

    def handle_coming(self, command: wire.Command) -> str:
        """Handle ``help_coming`` (args: device, time_us): announce to the resident that somebody has taken the call."""
        device, time_us = _named(command)
        if command.id in self._coming:  # delivered twice: say it once
            return self._coming[command.id]
        self._do(self._rules.answered_by_district(device, time_us))
        self._remember()
        answer = "announced" if self._sounders else "nothing in this home can announce it"
        self._coming[command.id] = answer
        while len(self._coming) > 100:
            self._coming.pop(next(iter(self._coming)))
        speakers = [sounder for sounder in self._sounders if isinstance(sounder, Voice)]
        self._start(self._sound(speakers, COMING))
        return answer

    async def run(self) -> None:
        """Run until cancelled; emergencies that were open when the agent ended come first."""
        wall_us = self._clock.now_us()
        for cause, since_us in self._remembered:
            if 0 <= wall_us - since_us < FORGET_US:
                self._do(self._rules.event(cause, _monotonic_us(), wall_us - since_us))
        try:
            while True:
                self._do(self._rules.advance(_monotonic_us()))
                await asyncio.sleep(TICK_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Sound():
                    self._start(self._sound(self._sounders, CALLING))
                case Silence():
                    self._start(self._silence())
                case Reach(cause, step):
                    self._start(self._reach(cause, step))
                case Began(cause):
                    log.error("nobody in the district answers: calling by ourselves", cause=cause.kind)
                    self._report(cause, {"state": "began", "after_s": self._config.wait_s})
                case Ended(cause, outcome, tried):
                    names = [f"{self._contact(s).name} {s.way} {'ok' if ok else 'failed'}" for s, ok in tried]
                    log.warning("local alarm ended", cause=cause.kind, outcome=outcome)
                    self._report(cause, {"state": "ended", "outcome": outcome, "tried": "; ".join(names)[:400]})

    def _report(self, cause: Cause, values: Values) -> None:
        about: Values = {"cause": cause.kind, "cause_us": cause.time_us}
        self._store(cause.device, EVENT, self._clock.now_us(), about | values)

    def _contact(self, step: PlanStep) -> Contact:
        return self._config.contacts[step.contact]

    async def _reach(self, cause: Cause, step: PlanStep) -> None:
        contact = self._contact(step)
        attempt = await asyncio.to_thread(self._ways[step.way], contact, cause, sms_text(self._home, cause))
        log.info("contact tried", contact=contact.name, way=step.way, reached=attempt.reached, detail=attempt.detail)
        self._do(self._rules.result(step, attempt.reached, _monotonic_us()))
        self._remember()

    async def _sound(self, sounders: Sequence[Sounder], text: tuple[str, str]) -> None:
        await asyncio.gather(*(asyncio.to_thread(sounder.say, *text) for sounder in sounders))

    async def _silence(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(sounder.silence) for sounder in self._sounders))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _remember(self) -> None:
        """Store the open emergencies, so that they survive a restart."""
        wall_us = self._clock.now_us()
        since = dict(self._remembered)
        unfinished = [(cause, since.get(cause, wall_us)) for cause in self._rules.unfinished()]
        if unfinished == self._remembered:
            return
        self._remembered = unfinished
        try:
            write_durably(self._memory, msgspec.json.encode(unfinished))
        except OSError as error:  # a full disk must not stop the alarm itself
            log.error("local alarm cannot be stored", reason=str(error))

    def _recall(self) -> list[tuple[Cause, int]]:
        try:
            return msgspec.json.decode(self._memory.read_bytes(), type=list[tuple[Cause, int]])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("the open emergencies of the local alarm cannot be read", reason=str(error))
            return []


def _named(command: wire.Command) -> tuple[str, int]:
    device, time_us = command.args.get("device"), command.args.get("time_us")
    if not isinstance(device, str) or not isinstance(time_us, int):
        raise ValueError("args.device and args.time_us are missing: which emergency is meant?")
    return device, time_us


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000
