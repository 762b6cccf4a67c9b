"""Read the answer of a gateway's self test: each part as good, bad or unknown, in words. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

State = Literal["good", "late", "bad", "unknown"]
PARTS: Mapping[str, tuple[str, str]] = {
    "storage": ("存储", "storage"),
    "clock": ("时间", "time"),
    "broker": ("与平台的连接", "connection to the platform"),
    "battery": ("备用电池", "spare battery"),
    "sounder": ("蜂鸣器与语音", "buzzer and voice"),
    "modem": ("备用电话模块", "telephone modem"),
    "webhook": ("备用网络通知", "notice by the web"),
}
_SOUNDERS = frozenset({"voice", "siren"})
LOW_BATTERY = 20.0
CLOCK_MS = 1000.0
SILENT_S = 3600.0
"""A sensor that was not heard for an hour is not said to work; many report less often, and that is not known here."""


class Part(msgspec.Struct, frozen=True):
    """One part of the gateway."""

    zh: str
    en: str
    state: State
    text_zh: str
    text_en: str


def parts(answer: str) -> list[Part]:
    """The parts of an answer; empty for one that cannot be read: then nothing is known."""
    try:
        told = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        return []
    return list(_parts(told)) if isinstance(told, dict) else []


def _parts(told: Mapping[str, Any]) -> Iterator[Part]:
    storage = _table(told.get("buffer"))
    fault, waiting = str(storage.get("fault", "")), storage.get("waiting")
    free = told.get("disk_free_percent")
    room = (f"，剩余 {free:.0f}%", f", {free:.0f} % free") if _is_number(free) else ("", "")
    if "fault" not in storage:
        yield _part("storage", "unknown", "没有报告", "not reported")
    elif fault:
        yield _part("storage", "bad", fault, fault)
    else:
        yield _part(
            "storage", "good", f"可写，{waiting or 0} 条待发{room[0]}", f"writable, {waiting or 0} wait{room[1]}"
        )  # fmt: skip
    yield _clock(told.get("clock"))
    trip = told.get("broker_round_trip_ms")
    if _is_number(trip):
        yield _part("broker", "good", f"往返 {trip:.0f} 毫秒", f"{trip:.0f} ms there and back")
    else:
        yield _part("broker", "unknown", "还没有往返时间", "no round trip measured yet")
    yield _battery(told)
    yield from _sounders(told)
    for kind, text in sorted(_table(told.get("drivers")).items()):
        yield Part(
            f"接入 {kind}", f"driver {kind}", "bad" if text else "good", str(text) or "运行中", str(text) or "runs"
        )  # fmt: skip
    for kind in told.get("stuck") or ():
        yield Part(f"接入 {kind}", f"driver {kind}", "bad", "没有反应", "does not react")
    for name, age in sorted(_table(told.get("sensors")).items()):
        yield _sensor(str(name), age)


def _clock(told: object) -> Part:
    clock = _table(told)
    if "synchronised" not in clock:
        return _part("clock", "unknown", "系统没有说明", "the system does not tell")
    error = clock.get("error_ms")
    if not clock["synchronised"]:
        return _part("clock", "late", "没有与时间服务器同步", "not synchronised with a time server")
    if _is_number(error) and float(error) > CLOCK_MS:  # type: ignore[arg-type]
        return _part("clock", "bad", f"可能偏差 {error:.0f} 毫秒", f"may be wrong by {error:.0f} ms")
    return _part("clock", "good", "已同步", "synchronised")


def _battery(told: Mapping[str, Any]) -> Part:
    charge = told.get("battery_percent")
    if not _is_number(charge):
        return _part("battery", "unknown", "没有，或系统读不到", "none, or the system does not see it")
    state: State = "bad" if float(charge) < LOW_BATTERY else "good"  # type: ignore[arg-type]
    return _part("battery", state, f"{charge:.0f}%", f"{charge:.0f} %")


def _sounders(told: Mapping[str, Any]) -> Iterator[Part]:
    heard = {name: str(told[name]) for name in sorted(_SOUNDERS & told.keys())}
    if not heard:
        yield _part("sounder", "unknown", "没有安装", "none is fitted")
    for name, fault in heard.items():
        zh, en = PARTS["sounder"]
        yield Part(
            f"{zh}（{name}）", f"{en} ({name})", "bad" if fault else "good", fault or "可以发声", fault or "can sound"
        )  # fmt: skip
    for name in ("modem", "webhook"):
        if name in told:
            fault = str(told[name])
            yield _part(name, "bad" if fault else "good", fault or "正常", fault or "works")


def _sensor(name: str, age: object) -> Part:
    if not _is_number(age):
        return Part(f"设备 {name}", f"device {name}", "unknown", "启动以来没有听到", "not heard since the start")
    minutes = float(age) / 60  # type: ignore[arg-type]
    state: State = "good" if float(age) <= SILENT_S else "unknown"  # type: ignore[arg-type]
    return Part(
        f"设备 {name}", f"device {name}", state, f"{minutes:.0f} 分钟前听到", f"heard {minutes:.0f} min ago"
    )  # fmt: skip


def _part(name: str, state: State, text_zh: str, text_en: str) -> Part:
    return Part(*PARTS[name], state, text_zh, text_en)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
