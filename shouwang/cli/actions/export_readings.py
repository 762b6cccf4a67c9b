"""Write a resident's readings to CSV or Parquet, day by day, so that memory stays small for any length of time."""

import csv
import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TextIO

import msgspec

from care_network.access.permissions import Action
from care_network.access.visible import may_see
from care_network.errors import NotFoundError
from care_network.records.residents import resident_id
from firmware_profiles.channels import CHANNELS
from ingest.storing.stored import StoredReading, readings_of
from shouwang.cli.session import Session
from vocabulary.times import SHANGHAI

COLUMNS = ("time_utc", "time_shanghai", "resident", "device", "room", "channel", "value", "unit")
ROWS_AT_ONCE = 20_000
SLICE = dt.timedelta(days=1)


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An export: readings of ``resident`` with since <= time < until."""

    resident: str
    since: dt.datetime
    until: dt.datetime
    format: Literal["csv", "parquet"]
    out: Path
    reason: str
    force: bool = False


class Sink(Protocol):
    def write(self, rows: Sequence[StoredReading]) -> None:
        """Add rows to the file."""

    def close(self) -> None:
        """Finish the file."""


def run(session: Session, request: ExportRequest, progress: Callable[[int, int, int], None]) -> int:
    """Write the file and return the number of readings; ``progress(slices done, slices, readings so far)``.

    The audit line is committed before the first reading is read, another with the number of readings at the end. The
    file appears under its name only when it is whole. Raises NotFoundError for a resident the account may not see,
    ValueError for an empty time, FileExistsError, ImportError without pyarrow.
    """
    if request.since >= request.until:
        raise ValueError("the time is empty: --from has to be before --to")
    if not request.reason.strip():
        raise ValueError("say with --reason what the export is for")
    if request.out.exists() and not request.force:
        raise FileExistsError(f"{request.out} exists; --force replaces it")
    session.conn.execute("SET timezone TO 'UTC'")
    resident_id = visible_resident(session, request.resident)
    detail = {
        "from": request.since.isoformat(),
        "to": request.until.isoformat(),
        "format": request.format,
        "reason": request.reason,
    }
    with _file(request) as sink:
        session.audit(Action.EXPORT_VITALS, resident_id=resident_id, detail=detail)
        rows = 0
        days = _slices(request.since, request.until)
        for done, (start, end) in enumerate(days, 1):
            for some in readings_of(session.conn, resident_id, start, end, ROWS_AT_ONCE):
                sink.write(some)
                rows += len(some)
                progress(done - 1, len(days), rows)
            progress(done, len(days), rows)
    session.audit("export_complete", resident_id=resident_id, detail={**detail, "readings": rows})
    return rows


def visible_resident(session: Session, code: str) -> int:
    """Find the id of a resident whose readings the account may take out of the platform.

    Raises NotFoundError, with one answer for a resident who is not there and one who may not be seen; the try is
    audited.
    """
    found = resident_id(session.conn, code)
    if found is None or not may_see(session.conn, session.account, found):
        session.audit(Action.EXPORT_VITALS, detail={"resident": code[:40], "refused": True})
        login = session.account.login
        raise NotFoundError(
            en=f"no resident {code!r} that {login!r} may see", zh=f"没有账号 {login} 可查看的老人 {code}"
        )
    return found


def _slices(since: dt.datetime, until: dt.datetime) -> list[tuple[dt.datetime, dt.datetime]]:
    found = []
    while since < until:
        end = min(since + SLICE, until)
        found.append((since, end))
        since = end
    return found


@contextmanager
def _file(request: ExportRequest) -> Iterator[Sink]:
    """Open a sink for the file, readable by its owner only; nothing of it remains where the export fails."""
    part = request.out.with_name(request.out.name + ".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(handle, 0o600)  # a file that a crash left behind may have wider rights
    try:
        sink: Sink
        if request.format == "csv":
            sink = _Csv(os.fdopen(handle, "w", encoding="utf-8", newline=""), request.resident)
        else:
            os.close(handle)
            sink = _Parquet(part, request.resident)
        try:
            yield sink
        finally:
            sink.close()
        os.replace(part, request.out)
    finally:
        part.unlink(missing_ok=True)


class _Csv:
    """RFC 4180, UTF-8; times as ISO 8601."""

    def __init__(self, file: TextIO, resident: str) -> None:
        self._file, self._resident = file, resident
        self._writer = csv.writer(file)
        self._writer.writerow(COLUMNS)

    def write(self, rows: Sequence[StoredReading]) -> None:
        self._writer.writerows(
            (
                time.isoformat().replace("+00:00", "Z"),
                time.astimezone(SHANGHAI).isoformat(),
                self._resident,
                device,
                room,
                channel,
                value,
                CHANNELS[channel].unit,
            )
            for time, device, room, channel, value in rows
        )

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """One row group per ROWS_AT_ONCE rows; both times are instants, the second with its zone."""

    def __init__(self, file: Path, resident: str) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise ImportError("Parquet needs pyarrow: pip install 'shouwang[export]', or use --format csv") from error
        self._pa, self._resident = pa, resident
        word = pa.dictionary(pa.int32(), pa.string())
        types = (
            pa.timestamp("us", "UTC"),
            pa.timestamp("us", "Asia/Shanghai"),
            word,
            word,
            word,
            word,
            pa.float32(),
            word,
        )
        self._schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, rows: Sequence[StoredReading]) -> None:
        times, devices, rooms, channels, values = zip(*rows, strict=True)
        units = [CHANNELS[channel].unit for channel in channels]
        columns = (times, times, [self._resident] * len(rows), devices, rooms, channels, values, units)
        arrays = [self._pa.array(column, type=field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()
