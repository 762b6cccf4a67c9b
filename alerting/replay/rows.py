"""Reads READINGS.csv into columns: a year of a resident in a second or two. Bad rows are reported by line.

pyarrow reads the file in blocks, all columns as text; each check is made for a whole block at once, and only rows that
fail one are examined one by one.
"""

import csv
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.detection.kit.context import MEASURED
from alerting.detection.kit.switches import BINARY
from firmware_profiles.channels import CHANNELS, EVENTS

BLOCK_BYTES = 8 << 20
NAMES: dict[str, tuple[str, ...]] = {
    "time": ("time", "time_utc", "timestamp", "start", "begin"),
    "resident": ("resident", "resident_code"),
    "device": ("device", "sensor"),
    "channel": ("channel", "event", "channel_or_event", "channel or event"),
    "event": ("event",),
    "value": ("value",),
    "end": ("end",),
    "received": ("received",),
}
"""Names of each column, in any case. ``event``: where it stands beside ``channel``."""
MAY_BE_MISSING = frozenset({"event", "value", "end", "received"})
ON = frozenset({"on", "true", "yes", "open", "opened", "active", "occupied", "detected", "开", "有人", "是"})
OFF = frozenset({"off", "false", "no", "closed", "close", "inactive", "clear", "vacant", "关", "无人", "否"})
"""Words for 1 and 0 of a 0/1 channel."""
_INTEGER = re.compile(r"\d{14,17}")
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
EARLIEST_US, LATEST_US = 946_684_800_000_000, 4_102_444_800_000_000
"""2000 to 2100: a time outside is in another unit."""
NO_TIME = -(1 << 62)
LEAST_US = 1000
"""Duration of what ends when it begins."""

Texts = NDArray[np.object_]


class Reject(msgspec.Struct, frozen=True):
    """A row that was not used: its line in the file, and the remedy."""

    line: int
    why: str
    row: str


class ReadingBatch(msgspec.Struct, frozen=True):
    """Readings of one (resident, device, channel), shapes [n]."""

    resident: str
    device: str
    channel: str
    time_us: NDArray[np.int64]
    value: NDArray[np.float32]
    received_us: NDArray[np.int64]


class EventLine(msgspec.Struct, frozen=True):
    """A row with an event."""

    resident: str
    device: str
    kind: str
    time_us: int
    values: dict[str, Any]
    received_us: int


class Rows(msgspec.Struct):
    """The content of a file."""

    batches: list[ReadingBatch] = []
    events: list[EventLine] = []
    rejects: list[Reject] = []
    lines: int = 0
    ignored_columns: list[str] = []


def read_rows(file: Path, zone: dt.tzinfo | None = None, progress: Callable[[int], None] = lambda _: None) -> Rows:
    """Read a whole file. ``zone``: of times that name none (None: they are rejected); ``progress`` is called with the
    bytes read so far.

    Raises ValueError where the header lacks a column or the file cannot be read as CSV, ImportError without pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.csv
    except ImportError as error:
        raise ImportError("reading CSV files needs pyarrow: pip install 'shouwang[export]'") from error
    header = _header(file)
    columns = {name: _column(file, header, name) for name in NAMES}
    used = [column for column in columns.values() if column is not None]
    rows = Rows(ignored_columns=[name for name in header if name not in used])
    broken: list[tuple[int, str, int]] = []

    def ragged(row: Any) -> str:
        broken.append((row.number, row.text, row.actual_columns))
        return "skip"

    reader = _Reader(rows, zone)
    try:
        with file.open("rb") as raw:
            blocks = pyarrow.csv.open_csv(
                raw,
                read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
                parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=ragged, ignore_empty_lines=False),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(used, pa.binary()), include_columns=used, strings_can_be_null=False
                ),
            )
            for block in blocks:
                reader.block({n: block.column(c) for n, c in columns.items() if c is not None}, broken)
                progress(raw.tell())
    except pa.ArrowInvalid as error:
        raise ValueError(f"{file}: cannot be read as CSV near line {reader.line}: {error}") from error
    reader.ragged(broken, len(header))
    rows.rejects.sort(key=lambda reject: reject.line)
    return rows


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        header = next(csv.reader(text), [])
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise ValueError(f"{file}: the header names {', '.join(sorted(twice))} twice; name each column once")
    return header


def _column(file: Path, header: list[str], name: str) -> str | None:
    plain = {column.strip().lower(): column for column in header}
    taken = next((alias for alias in NAMES["channel"] if alias in plain), "") if name == "event" else ""
    found = next((plain[alias] for alias in NAMES[name] if alias in plain and alias != taken), None)
    if found is None and name not in MAY_BE_MISSING:
        raise ValueError(
            f"{file}: no column {name!r} in the header ({', '.join(header) or 'empty'}); the first line must be: "
            "time,resident,device,channel,value"
        )
    return found


class _Reader:
    """Turns blocks of texts into batches, and counts the lines."""

    def __init__(self, rows: Rows, zone: dt.tzinfo | None) -> None:
        self._rows, self._zone = rows, zone
        self.line = 2

    def block(self, columns: dict[str, Any], broken: list[tuple[int, str, int]]) -> None:
        texts = _coalesced({name: _text(column) for name, column in columns.items()})
        n = len(next(iter(texts.values())))
        lines = self._lines(n, {number for number, _, _ in broken})
        self._rows.lines += n
        if not n:
            return
        why = np.full(n, "", object)
        given = np.zeros(n, np.bool_)
        if "received" in texts:
            given = np.array([text != "" for text in texts["received"].to_pylist()])
        time_us = received_us = self._times(texts["time"], why, own_clock=given)
        if "received" in texts:
            received_us = np.where(given, self._times(texts["received"], why, given), time_us)
        end_us = time_us
        if "end" in texts:
            lasts = np.array([text != "" for text in texts["end"].to_pylist()])
            end_us = np.where(lasts, self._times(texts["end"], why, lasts, given), time_us)
            self._mark(why, end_us < time_us, "it ends before it begins: check both times")
            end_us = np.where(lasts & (end_us == time_us), time_us + LEAST_US, end_us)  # or it would be on for ever
        codes = {name: _coded(texts[name]) for name in ("resident", "device", "channel")}
        for name in ("resident", "device"):
            self._mark(why, _garbled(codes[name]), f"the {name} is not UTF-8: save the file as UTF-8")
        self._mark(why, _empty(codes["resident"]), "no resident: whom is it about?")
        self._mark(why, _empty(codes["device"]), "no device: name the one that measured it")
        kinds, kind = codes["channel"]
        is_event = np.array([k in EVENTS for k in kinds], np.bool_)[kind]
        is_channel = np.array([k in CHANNELS for k in kinds], np.bool_)[kind]
        self._mark(
            why, ~is_event & ~is_channel, "no channel or event {channel!r}: see firmware_profiles/channels.toml", texts
        )
        is_switch = np.array([k in BINARY for k in kinds], np.bool_)[kind]
        value = self._values(texts["value"], is_channel, is_switch, why)
        judged = np.array([k in MEASURED for k in kinds], np.bool_)[kind]  # detectors report it as the sensor's fault
        low = np.array([CHANNELS[k].low if k in CHANNELS else -np.inf for k in kinds])[kind]
        high = np.array([CHANNELS[k].high if k in CHANNELS else np.inf for k in kinds])[kind]
        with np.errstate(invalid="ignore"):
            beyond = is_channel & ~judged & ((value < low) | (value > high))
        self._mark(why, beyond, "{value} is not possible for {channel}: check its unit", texts)
        blank = np.logical_and.reduce([_empty(codes[name]) for name in codes]) & _blank(texts["time"])
        good = (why == "") & ~blank
        self._reject(texts, lines, why, blank)
        self._batches(codes, good & is_channel, time_us, value, received_us)
        over = good & is_switch & (end_us > time_us) & (value >= 0.5)
        self._batches(codes, over, end_us, np.zeros(n), received_us + end_us - time_us)
        self._events(texts, lines, good & is_event, time_us, received_us)

    def ragged(self, broken: list[tuple[int, str, int]], expected: int) -> None:
        """Reject rows with too few or too many columns."""
        for number, text, actual in broken:
            if text.strip():
                self._rows.lines += 1
                self._rows.rejects.append(Reject(number, f"{actual} columns, not {expected}: check its commas", text))

    def _lines(self, n: int, broken: set[int]) -> NDArray[np.int64]:
        """Line numbers of the next n rows, without those of a wrong number of columns."""
        lines = np.arange(self.line, self.line + n + len(broken))
        if broken:
            lines = lines[~np.isin(lines, list(broken))]
        self.line = int(lines[n - 1]) + 1 if n else self.line
        return lines[:n]

    def _mark(self, why: Texts, bad: NDArray[np.bool_], reason: str, texts: dict[str, Any] | None = None) -> None:
        for i in np.flatnonzero(bad & (why == "")).tolist():
            named = {name: column[i].as_py() for name, column in texts.items()} if texts else {}
            why[i] = reason.format(**named) if named else reason

    def _times(
        self,
        column: Any,
        why: Texts,
        wanted: NDArray[np.bool_] | None = None,
        own_clock: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """Parse integers and ISO 8601 into µs since 1970; NO_TIME where there is none.

        ``own_clock``: rows that also say when they were received: any time can be what a device's wrong clock said.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            first = column[0].as_py() or ""
            if _INTEGER.fullmatch(first):
                found = pc.cast(column, pa.int64()).to_numpy(zero_copy_only=False)
            elif self._zone is not None and _NAIVE.fullmatch(first):
                times = pc.cast(column, pa.timestamp("us"))
                times = pc.assume_timezone(times, str(self._zone), ambiguous="earliest", nonexistent="earliest")
                found = times.cast(pa.int64()).to_numpy(zero_copy_only=False)
            else:
                found = pc.cast(column, pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
            found = np.array(found, np.int64)
        except pa.ArrowInvalid:
            found = np.array([self._time(text) for text in column.to_pylist()], np.int64)
        bad = (found < EARLIEST_US) | (found > LATEST_US)
        if own_clock is not None:
            bad &= ~own_clock | (found == NO_TIME)
        self._mark(
            why,
            bad if wanted is None else bad & wanted,
            "no time between 2000 and 2100: write 2026-03-01T08:00:00+08:00, or µs since 1970; a time without a zone "
            "needs --zone",
        )
        return found

    def _time(self, text: str) -> int:
        text = text.strip()
        if _INTEGER.fullmatch(text):
            return int(text)
        try:
            time = dt.datetime.fromisoformat(text)
        except ValueError:
            return NO_TIME
        if time.tzinfo is None:
            if self._zone is None:
                return NO_TIME
            time = time.replace(tzinfo=self._zone)
        return round((time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1))

    def _values(
        self, column: Any, is_channel: NDArray[np.bool_], is_switch: NDArray[np.bool_], why: Texts
    ) -> NDArray[np.float64]:
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            value = np.array(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
        except pa.ArrowInvalid:
            value = np.array([_number(text) for text in column.to_pylist()])
        for i in np.flatnonzero(is_switch & ~np.isfinite(value)).tolist():
            value[i] = _word(column[i].as_py())
        self._mark(why, is_channel & ~np.isfinite(value), "{value!r} is no number", {"value": column})
        return value

    def _reject(self, texts: dict[str, Any], lines: NDArray[np.int64], why: Texts, blank: NDArray[np.bool_]) -> None:
        self._rows.lines -= int(blank.sum())
        for i in np.flatnonzero((why != "") & ~blank).tolist():
            row = ",".join(str(column[i].as_py()) for column in texts.values())
            self._rows.rejects.append(Reject(int(lines[i]), str(why[i]), row))

    def _batches(
        self,
        codes: dict[str, tuple[list[str], NDArray[np.int64]]],
        wanted: NDArray[np.bool_],
        time_us: NDArray[np.int64],
        value: NDArray[np.float64],
        received_us: NDArray[np.int64],
    ) -> None:
        (residents, resident), (devices, device), (channels, channel) = codes.values()
        at = np.flatnonzero(wanted)
        series = ((resident * len(devices)) + device) * len(channels) + channel
        order = at[np.argsort(series[at], kind="stable")]
        ends = np.flatnonzero(np.diff(series[order])) + 1
        for mine in np.split(order, ends) if len(order) else ():
            i = mine[0]
            names = residents[resident[i]], devices[device[i]], channels[channel[i]]
            values = value[mine].astype(np.float32)
            self._rows.batches.append(ReadingBatch(*names, time_us[mine], values, received_us[mine]))

    def _events(
        self,
        texts: dict[str, Any],
        lines: NDArray[np.int64],
        wanted: NDArray[np.bool_],
        time_us: NDArray[np.int64],
        received_us: NDArray[np.int64],
    ) -> None:
        for i in np.flatnonzero(wanted).tolist():
            resident, device, kind, text = (texts[n][i].as_py() for n in ("resident", "device", "channel", "value"))
            try:
                values = _event_values(text)
            except ValueError as error:
                row = ",".join(str(column[i].as_py()) for column in texts.values())
                self._rows.rejects.append(Reject(int(lines[i]), str(error), row))
                continue
            self._rows.events.append(EventLine(resident, device, kind, int(time_us[i]), values, int(received_us[i])))


def _text(column: Any) -> Any:
    """Decode a column; bytes that are no UTF-8 become replacement characters, which the checks reject."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    except pa.ArrowInvalid:
        return pa.array([raw.decode("utf-8", "replace").strip() for raw in column.to_pylist()], pa.string())


def _coalesced(texts: dict[str, Any]) -> dict[str, Any]:
    """Merge the columns of channels and events, and add an empty value where the file has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    event = texts.pop("event", None)
    if event is not None:
        texts["channel"] = pc.if_else(pc.equal(texts["channel"], ""), event, texts["channel"])
    if "value" not in texts:
        texts["value"] = pa.array([""] * len(texts["channel"]), pa.string())
    return texts


def _coded(column: Any) -> tuple[list[str], NDArray[np.int64]]:
    """(distinct words, index of each row's word)."""
    encoded = column.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _empty(coded: tuple[list[str], NDArray[np.int64]]) -> NDArray[np.bool_]:
    words, codes = coded
    return np.array([word == "" for word in words], np.bool_)[codes]


def _garbled(coded: tuple[list[str], NDArray[np.int64]]) -> NDArray[np.bool_]:
    words, codes = coded
    return np.array(["\ufffd" in word for word in words], np.bool_)[codes]


def _blank(column: Any) -> NDArray[np.bool_]:
    import pyarrow.compute as pc

    return np.array(pc.equal(column, "").to_numpy(zero_copy_only=False), np.bool_)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _word(text: str) -> float:
    """Parse a word of a 0/1 channel; an empty one means 1: it happened."""
    word = text.lower()
    return 1.0 if word in ON or not word else 0.0 if word in OFF else float("nan")


def _event_values(text: str) -> dict[str, Any]:
    """Parse the values of an event: empty, a JSON object of scalars, or one number or word. Raises ValueError."""
    if not text:
        return {}
    if not text.startswith("{"):
        number = _number(text)
        return {"value": text if np.isnan(number) else number}
    try:
        return msgspec.json.decode(text, type=dict[str, str | int | float | bool])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"an event's values are a JSON object of numbers and words: {error}") from error
