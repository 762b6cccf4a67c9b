"""Gives the engine each decoded message of a home and returns the findings. No input or output of its own."""

import time
from collections.abc import Callable, Sequence

import msgspec

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.context import Happened, Source
from alerting.detection.kit.device_clock import DeviceClocks
from alerting.detection.kit.intake import dated
from alerting.service import downlink
from alerting.service.receiving.frames import FrameHearing, Refused
from alerting.service.receiving.messages import HomeMessage
from firmware_profiles import wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.signed_command import CommandSigner

STRANGER_S = 2.0
"""Least time between two readings of the registry for the sake of unknown devices: strangers must not load it."""


class Hearing:
    """Passes messages to ``engine``, which only this thread uses.

    ``look_up`` reads the registry anew and gives the engine what changed; ``online`` is called with each gateway that
    has come online.
    """

    def __init__(self, engine: Engine, look_up: Callable[[], None], online: Callable[[str], None]) -> None:
        self._engine, self._look_up, self._online = engine, look_up, online
        self._look_up_again_at = 0.0
        self._clocks = DeviceClocks()
        self._frames = FrameHearing(engine, self._clocks, self._newly_paired)

    def hear(self, message: HomeMessage, now_us: int) -> list[Finding]:
        """The findings of one message. Raises DecodeError for a device or gateway that the district does not know."""
        gateway, body = message.gateway, message.body
        if isinstance(body, wire.Event):
            return (
                self._press(gateway, body, now_us)
                if message.by_panel
                else self._event(gateway, body, now_us, message.lost)
            )
        if isinstance(body, wire.Status):
            return self._status(gateway, body, now_us)
        if message.by_exchange:
            return self._frames.observed(gateway, body)
        return self._frames.hear(gateway, body, now_us)

    def hear_frames(self, messages: Sequence[HomeMessage], now_us: int, refused: Refused) -> list[Finding]:
        """The findings of frames, those of :meth:`hear` in their order, many at once; one that cannot be heard goes to
        ``refused``."""
        return self._frames.hear_all(messages, now_us, refused)

    def knows(self, message: HomeMessage) -> bool:
        """Whether the message can be heard without a change of the district, as an event of a new device could not."""
        body = message.body
        if message.by_panel or not isinstance(body, wire.Event):
            return True
        return (message.gateway, body.device) in self._engine.district.sources

    def _event(self, gateway: str, event: wire.Event, now_us: int, lost: tuple[str, ...]) -> list[Finding]:
        source = self._engine.district.sources.get((gateway, event.device)) or self._newly_paired(gateway, event.device)
        if source is None and lost and event.kind in downlink.ANSWERED:
            source = self._some_device(gateway, event.device)  # whose name could not be read: the home needs help
        if source is None:
            raise DecodeError(f"event of an unknown device {gateway}/{event.device}")
        happened = dated(Happened(source, event.kind, event.time_us, dict(event.values), event.evidence), now_us)
        happened, news = self._clocks.judge_event(happened, now_us)
        # the event before the sign of life: its alert must not wait for anything
        findings = [*self._judged(happened), *self._engine.heard(gateway, event.device, now_us)]
        return findings + (self._engine.event(news) if news else [])

    def _press(self, gateway: str, event: wire.Event, now_us: int) -> list[Finding]:
        """The findings of a press on a home's panel, which is no device of the registry: it is of the home."""
        source = self._some_device(gateway, event.device, ("家中平板", "the panel at home"))
        if source is None:
            raise DecodeError(f"press on a panel of an unknown gateway {gateway}")
        return self._judged(dated(Happened(source, event.kind, event.time_us, dict(event.values), b""), now_us))

    def _judged(self, happened: Happened) -> list[Finding]:
        """The findings of an event. One at which a detector fails is judged once more without what it carries."""
        failed: list[str] = []
        tell = self._engine.failed

        def note(name: str, error: Exception) -> None:
            failed.append(name)
            tell(name, error)

        self._engine.failed = note
        try:
            findings = self._engine.event(happened)
            if failed and (happened.values or happened.evidence):
                findings += self._engine.event(msgspec.structs.replace(happened, values={}, evidence=b""))
        finally:
            self._engine.failed = tell
        return findings

    def _some_device(
        self,
        gateway: str,
        device: str,
        label: tuple[str, str] = ("名称无法识别的设备", "a device whose name cannot be read"),
    ) -> Source | None:
        """A device that is not known, of a home that is: of its only resident, or of the household."""
        district = self._engine.district
        household = district.gateways.get(gateway)
        if household is None:
            return None
        rows = [row for row, person in enumerate(district.people) if person.household_id == household]
        return Source(
            gateway=gateway,
            name=device or "unreadable",
            model="",
            household_id=household,
            person=rows[0] if len(rows) == 1 else None,
            heartbeat_s=float("inf"),
            label_zh=label[0],
            label_en=label[1],
        )

    def _newly_paired(self, gateway: str, device: str) -> Source | None:
        """Look an unknown device up in the registry: it may have been paired a moment ago."""
        now = time.monotonic()
        if now < self._look_up_again_at:
            return None
        self._look_up_again_at = now + STRANGER_S
        self._look_up()
        return self._engine.district.sources.get((gateway, device))

    def _status(self, gateway: str, status: wire.Status, now_us: int) -> list[Finding]:
        if status.state == "offline":
            self._engine.offline(gateway, now_us)
            return []
        self._online(gateway)
        return self._engine.heard(gateway, None, now_us) if gateway in self._engine.district.gateways else []


def answer(message: HomeMessage, now_us: int, signer: CommandSigner = downlink.UNSIGNED) -> tuple[str, bytes] | None:
    """Topic and payload of the answer to an emergency; without one the home would call for help by itself."""
    event = message.body
    if isinstance(event, wire.Event) and not message.by_panel and event.kind in downlink.ANSWERED:
        return downlink.received(event, now_us, signer)
    return None
