"""Detects silent gateways and devices: technical alerts, and only one for each cause.

A device sends something at least every ``heartbeat_s`` (its model's profile); three of those without a message is
silence. A silent gateway explains its silent devices: they are not counted until it is back, and then start afresh.
"""

from collections.abc import Iterator
from itertools import repeat
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.core.finding import Finding, FindingAction
from alerting.detection.kit.context import District, Source, devices_of
from alerting.detection.kit.detector import Array, Detector, Rule
from alerting.detection.kit.words import since_when
from vocabulary.times import MINUTE_US, SECOND_US

MISSED_HEARTBEATS = 3
GATEWAY_SILENT_US = 3 * MINUTE_US
OFFLINE_GRACE_US = MINUTE_US
"""Time that a dead connection may last: a restart of the gateway takes less."""
QUIET_GATEWAY_US = 100 * SECOND_US
"""A gateway that is silent for this time may be the reason for its devices' silence: wait for it."""


class Heard(msgspec.Struct):
    """Shapes [names]: when each was last heard, and the onset of its open alert (0: none), µs; ``offline_us`` of each
    gateway. Names are 'gateway' and 'gateway/device'. ``households`` they serve; ``gone``: name, household and onset
    of those that were removed or moved while their alert was open."""

    names: list[str] = []
    households: list[int] = []
    gone: list[tuple[str, int, int]] = []
    heard_us: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))
    onset_us: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))
    offline_us: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))


class Known(msgspec.Struct, frozen=True):
    """The gateways of a district, then their devices; lists and shapes [names] as in :class:`Heard`."""

    names: list[str]
    households: list[int]
    index: dict[str, int]
    sources: list[Source | None]
    """None: a gateway."""
    gateway_of: NDArray[np.intp]
    """The place of the gateway of each."""
    allowed_us: NDArray[np.int64]
    """For how long each may say nothing."""


class Silence(Detector):
    """Judges by the clock, not by event time: silence has no time stamps of its own."""

    constants: ClassVar = {
        "silence.missed_heartbeats": MISSED_HEARTBEATS,
        "silence.gateway_s": GATEWAY_SILENT_US / 1e6,
    }
    rules: ClassVar = {
        "gateway_silent": Rule(
            title=("家庭网关离线", "home gateway offline"),
            outside="title",
            again_s=1800,
            per_day=6,
            rests_for=("maintenance",),
        ),
        "device_silent": Rule(
            title=("设备离线", "device offline"),
            outside="title",
            again_s=1800,
            per_day=6,
            rests_for=("maintenance",),
            explained_by=("gateway_silent",),
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = Heard()
        self._known = _known(District([], {}, {}))

    def restored(self) -> None:
        self.cut_off()  # while this program was away it heard nobody

    def cut_off(self) -> None:
        self.state.heard_us[self.state.onset_us == 0] = 0

    def prepare(self, district: District) -> None:
        district.derived(_known)

    def learn(self, district: District) -> None:
        now, state = district.derived(_known), self.state
        for at in np.flatnonzero(state.onset_us[: len(state.households)]).tolist():
            name, household_id = state.names[at], state.households[at]
            there = now.index.get(name)
            if there is None or now.households[there] != household_id:
                state.gone.append((name, household_id, int(state.onset_us[at])))
        index = (
            self._known.index if state.names is self._known.names else {name: i for i, name in enumerate(state.names)}
        )
        known = np.fromiter(map(index.get, now.names, repeat(-1)), np.intp, len(now.names))
        served = np.array(state.households, np.int64)
        told = np.flatnonzero((known >= 0) & (known < len(served)))
        known[told[served[known[told]] != np.array(now.households, np.int64)[told]]] = -1

        def kept(array: NDArray[np.int64]) -> NDArray[np.int64]:
            return np.where(known >= 0, array[known], 0) if len(array) else np.zeros(len(known), np.int64)

        self.state = Heard(
            now.names, now.households, state.gone, kept(state.heard_us), kept(state.onset_us), kept(state.offline_us)
        )
        self._known = now

    def heard(self, district: District, gateway: str, device: str | None, now_us: int) -> Iterator[Finding]:
        state, at = self.state, self._known.index.get(gateway)
        if at is None:
            return
        state.offline_us[at] = 0
        state.heard_us[at] = now_us
        onset_us = int(state.onset_us[at])
        if onset_us:
            state.onset_us[at] = 0
            state.heard_us[self._known.gateway_of == at] = now_us  # its devices could not send: their time starts anew
            yield self._finding(district, at, onset_us, now_us, "clear")
        there = self._known.index.get(f"{gateway}/{device}")
        if there is not None:
            state.heard_us[there] = now_us
            onset_us = int(state.onset_us[there])
            if onset_us:
                state.onset_us[there] = 0
                yield self._finding(district, there, onset_us, now_us, "clear")

    def offline(self, gateway: str, now_us: int) -> None:
        at = self._known.index.get(gateway)
        if at is not None and not self.state.offline_us[at]:
            self.state.offline_us[at] = now_us

    def tick(self, district: District, now_us: int) -> Iterator[Finding]:
        state = self.state
        for name, household_id, onset_us in state.gone:
            yield self._removed(name, household_id, onset_us, now_us)
        state.gone.clear()
        state.heard_us[(state.heard_us == 0) | (state.heard_us > now_us)] = now_us  # the clock may have gone back
        np.minimum(state.offline_us, now_us, out=state.offline_us)
        gone = state.offline_us > 0
        dead = gone & (now_us - state.offline_us >= OFFLINE_GRACE_US)
        silent = (state.onset_us == 0) & (dead | (now_us - state.heard_us >= self._known.allowed_us))
        gateways = np.flatnonzero(silent[: len(district.gateways)])
        for at in gateways.tolist():
            yield self._open(district, at, now_us)
        excused = gone | (state.onset_us > 0) | (now_us - state.heard_us >= QUIET_GATEWAY_US)
        silent[: len(district.gateways)] = False
        for at in np.flatnonzero(silent & ~excused[self._known.gateway_of]).tolist():
            yield self._open(district, at, now_us)

    def _open(self, district: District, at: int, now_us: int) -> Finding:
        self.state.onset_us[at] = self.state.heard_us[at]
        return self._finding(district, at, int(self.state.heard_us[at]), now_us, "open")

    def _removed(self, name: str, household_id: int, onset_us: int, now_us: int) -> Finding:
        """Clear the silence of a device or gateway that no longer serves this home, and so explains nothing there."""
        device = "/" in name
        zh, en = ("设备", "Device") if device else ("家庭网关", "Gateway")
        return Finding(
            action="clear",
            rule="device_silent" if device else "gateway_silent",
            rule_version=self.version,
            severity="technical",
            subject=f"device:{name}" if device else f"gateway:{name}",
            household_id=household_id,
            resident_id=None,
            onset_us=onset_us,
            sensed_us=now_us,
            reason_zh=f"{zh} {name} 已不在此住户使用",
            reason_en=f"{en} {name} is no longer used in this home",
            evidence={"kind": "silence", "device": name},
        )

    def _finding(self, district: District, at: int, onset_us: int, now_us: int, action: FindingAction) -> Finding:
        name, source = self.state.names[at], self._known.sources[at]
        since = since_when(onset_us, now_us)
        if source is None:
            rule, subject, household_id = "gateway_silent", f"gateway:{name}", district.gateways[name]
            zh, en, more, more_en = "家庭网关", "home gateway", "，全屋数据中断", ", and with it every device"
        else:
            rule, subject, household_id = "device_silent", f"device:{name}", source.household_id
            zh, en, more, more_en = source.label_zh, source.label_en, "", ""
        silent = action == "open"
        return Finding(
            action=action,
            rule=rule,
            rule_version=self.version,
            severity="technical",
            subject=subject,
            household_id=household_id,
            resident_id=None,
            onset_us=onset_us,
            sensed_us=now_us,
            reason_zh=f"{zh}离线{more}（自 {since}）" if silent else f"{zh}已恢复",
            reason_en=f"{en[:1].upper()}{en[1:]} " + (f"offline since {since}{more_en}" if silent else "is back"),
            evidence={"kind": "silence", "last_heard_us": onset_us, "device": name},
        )


def _known(district: District) -> Known:
    devices = {
        name: source for name, source in district.derived(devices_of).items() if source.gateway in district.gateways
    }
    names = [*district.gateways, *devices]
    sources: list[Source | None] = [*[None] * len(district.gateways), *devices.values()]
    allowed_us = [GATEWAY_SILENT_US if s is None else MISSED_HEARTBEATS * s.heartbeat_s * 1e6 for s in sources]
    index = {name: at for at, name in enumerate(names)}
    return Known(
        names=names,
        households=[*district.gateways.values(), *[source.household_id for source in devices.values()]],
        index=index,
        sources=sources,
        gateway_of=np.array([index[name.partition("/")[0]] for name in names], np.intp),
        allowed_us=np.array(allowed_us, np.int64),
    )
