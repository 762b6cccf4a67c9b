"""Make the archive of a person's data: each table as JSON and CSV, readings streamed, and a page that a person reads.

Rows come by ``person_rows()``, which gives those of the person of a copy that is being made, and of nobody else.
"""

import csv
import datetime as dt
import hashlib
import html
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from typing import IO, Any

import psycopg
import structlog

from care_services.privacy.copies import KEPT, PART
from care_services.privacy.holdings import NOT_GIVEN
from database.rights.words import words_of
from vocabulary.times import SHANGHAI

log = structlog.get_logger(__name__)
MOST = 4 * 1024 * 1024 * 1024
"""Bytes of an archive: a fence for the disk of the database, where it waits. A year of readings each second of four
channels is a tenth of it (docs/privacy.md); whoever meets it asks for the readings of fewer days."""
SHOWN = 50
"""Rows of a table on the page; the files have all."""
SEALED = "（密封内容，由护理站当面提供） sealed: given by the station"


class TooLargeError(Exception):
    """The archive has more bytes than one may have."""


def make(conn: psycopg.Connection[Any], number: int, turned: Callable[[], None] = lambda: None) -> None:
    """Make the archive of a copy that waits. ``conn``: of the role *maintain*, in autocommit.

    Begun again after a crash, it is made anew. Raises psycopg.Error; other troubles are written down with the copy.
    """
    conn.execute("UPDATE person_copy SET state = 'running', done = 0, held = 0 WHERE id = %s AND state IN"
                 " ('waiting', 'running')", (number,))  # fmt: skip
    try:
        with tempfile.TemporaryFile() as file:
            held = _write(conn, number, file, turned)
            _store(conn, number, file, held, turned)
    except (TooLargeError, OSError) as error:
        log.error("a copy of a person's data cannot be made", number=number, error=type(error).__name__)
        conn.execute(
            "UPDATE person_copy SET state = 'failed', problem_zh = %s, problem_en = %s WHERE id = %s",
            (
                "文件将超过 4 GB，请分时段申请读数" if isinstance(error, TooLargeError)
                else "磁盘写不下，请联系平台维护人员",
                "more than 4 GB: ask for the readings of fewer days" if isinstance(error, TooLargeError)
                else "no room on the disk: call the platform's engineers",
                number,
            ),
        )  # fmt: skip


def _write(conn: psycopg.Connection[Any], number: int, file: IO[bytes], turned: Callable[[], None]) -> int:
    tables = [
        relation
        for (relation,) in conn.execute(
            "SELECT relation FROM person_tables() UNION ALL SELECT relation FROM person_tables_by_name()"
        )
        if relation not in NOT_GIVEN and relation != "reading"
    ]
    series, months = _months(conn, number)
    conn.execute("UPDATE person_copy SET total = %s WHERE id = %s", (len(tables) + len(months), number))
    held, sections = 0, []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, relation in enumerate(tables, 1):
            turned()
            count, shown = _table(conn, number, relation, archive)
            held += count
            if count:
                sections.append((relation, count, shown))
            conn.execute("UPDATE person_copy SET done = %s, held = %s WHERE id = %s", (place, held, number))
        counts: dict[str, int] = {}
        for place, (name, table, first, last) in enumerate(months, len(tables) + 1):
            lines = _readings(conn, (table, series, first, last), name, archive, turned)
            counts |= {name: lines} if lines else {}
            held += lines
            conn.execute("UPDATE person_copy SET done = %s, held = %s WHERE id = %s", (place, held, number))
            if file.tell() > MOST:
                raise TooLargeError
        archive.writestr("index.html", _page(conn, number, sections, counts))
    return held


def _table(
    conn: psycopg.Connection[Any], number: int, relation: str, archive: zipfile.ZipFile
) -> tuple[int, list[dict[str, Any]]]:
    """Write the rows of a table, as they come; gives their number and the first ones."""
    count = 0
    shown: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as text,
        tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as lines,
        conn.transaction(),
    ):
        writer = None
        with conn.cursor("rows") as cursor:
            cursor.itersize = 500
            cursor.execute("SELECT person_rows(%s, %s)", (number, relation))
            for (row,) in cursor:
                plain = {key: _readable(value) for key, value in row.items()}
                if writer is None:
                    writer = csv.DictWriter(lines, list(plain), extrasaction="ignore")
                    writer.writeheader()
                writer.writerow({key: _cell(value) for key, value in plain.items()})
                text.write(json.dumps(plain, ensure_ascii=False) + "\n")
                count += 1
                if len(shown) < SHOWN:
                    shown.append(plain)
        if count:
            for name, file, mark in (("csv", lines, "\ufeff"), ("jsonl", text, "")):
                file.seek(0)
                with archive.open(f"tables/{relation}.{name}", "w", force_zip64=True) as out:
                    out.write(mark.encode())
                    while block := file.read(PART):
                        out.write(block.encode())
    return count, shown


def _readable(value: Any) -> Any:
    """Sealed and binary values say so; all others are as they are."""
    return SEALED if isinstance(value, str) and value.startswith("\\x") and len(value) > 4 else value


def _cell(value: Any) -> Any:
    """A cell for spreadsheets: no formula, and nested values as JSON."""
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


Month = tuple[str, str, dt.datetime, dt.datetime]
"""A file of readings: its name, the table, from when on, until when."""


def _months(conn: psycopg.Connection[Any], number: int) -> tuple[list[int], list[Month]]:
    """The person's series, and the files of their readings: a month each, and of the means of hours a year each.

    The days that were asked for bound both. Hours are kept longer than readings.
    """
    row = conn.execute("SELECT copied_series(%s)", (number,)).fetchone()
    series = list(row[0] or ()) if row else []
    asked = conn.execute("SELECT readings_from, readings_until FROM person_copy WHERE id = %s", (number,)).fetchone()
    since, until = asked or (None, None)
    found: list[Month] = []
    for table, step in (("reading", 1), ("reading_hour", 12)):
        query = f"SELECT min(time), max(time) FROM {table} WHERE series_id = ANY(%s)"  # noqa: S608 - two fixed names
        bounds = conn.execute(query.encode(), (series,)).fetchone()
        if bounds is None or bounds[0] is None:
            continue
        first = max(bounds[0].astimezone(SHANGHAI).date(), since or dt.date.min)
        last = min(bounds[1].astimezone(SHANGHAI).date(), until or dt.date.max)
        day = first
        while day <= last:
            if step == 1:
                name, after = f"readings/{day:%Y-%m}.csv", (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
            else:
                name, after = f"readings/hours-{day:%Y}.csv", dt.date(day.year + 1, 1, 1)
            after = min(after, last + dt.timedelta(days=1))
            found.append((name, table, _midnight(day), _midnight(after)))
            day = after
    return series, found


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), SHANGHAI)


def _readings(
    conn: psycopg.Connection[Any], what: tuple[str, list[int], dt.datetime, dt.datetime], name: str,
    archive: zipfile.ZipFile, turned: Callable[[], None],
) -> int:  # fmt: skip
    """Stream the readings of a table, series and span into a file of the archive, as they come; gives their number."""
    table, series, first, last = what
    lines = 0
    rows = (
        "SELECT r.time, s.series_id, r.value FROM unnest(%s::int[]) AS s (series_id)"
        " CROSS JOIN LATERAL readings(s.series_id, %s, %s) r"
        if table == "reading"
        else "SELECT * FROM reading_hour WHERE series_id = ANY(%s) AND time >= %s AND time < %s"
    )
    query = f"COPY ({rows}) TO STDOUT (FORMAT csv, HEADER)".encode()
    with (
        archive.open(name, "w", force_zip64=True) as out,
        conn.cursor() as cursor,
        cursor.copy(query, (series, first, last)) as copy,
    ):
        for block in copy:
            out.write(block)
            lines += bytes(block).count(b"\n")
            turned()
    return max(lines - 1, 0)


def _page(
    conn: psycopg.Connection[Any], number: int, sections: list[tuple[str, int, list[dict[str, Any]]]],
    readings: dict[str, int],
) -> str:  # fmt: skip
    """A page that a person reads, without anything from elsewhere."""
    made = dt.datetime.now(SHANGHAI)
    asked = conn.execute("SELECT readings_from, readings_until FROM person_copy WHERE id = %s", (number,)).fetchone()
    since, until = asked or (None, None)
    span = f"{since or '…'} – {until or '…'}" if since or until else ""
    parts = [
        "<!doctype html><html lang='zh'><meta charset='utf-8'><title>个人信息副本 Copy of personal data</title>",
        "<style>body{font:16px/1.6 sans-serif;max-width:75em;margin:2em auto;padding:0 1em}"
        "table{border-collapse:collapse}"
        "td,th{border:1px solid #999;padding:.2em .5em;text-align:left;vertical-align:top}div{overflow:auto}</style>",
        "<h1>个人信息副本 <span lang='en'>Copy of personal data</span></h1>",
        f"<p>编号 {number} · {made:%Y-%m-%d %H:%M}</p>",
        "<p>依据《个人信息保护法》第四十五条提供。每类信息另有 CSV 与 JSON 文件。<br>"
        "<span lang='en'>Given by article 45 of the Personal Information Protection Law. Each kind is also there as"
        " CSV and JSON.</span></p>",
        f"<p>读数仅含申请的时段：{span} <span lang='en'>Readings of the days that were asked for alone</span></p>"
        if span
        else "",
        "<ul>",
        *(
            f"<li><a href='#{relation}'>{html.escape(words_of(relation)[0])} {html.escape(words_of(relation)[1])}</a>:"
            f" {count}</li>"
            for relation, count, _ in sections
        ),
        *(f"<li><a href='{name}'>{name}</a>: {count}</li>" for name, count in readings.items()),
        "</ul><h2>不在副本中 <span lang='en'>Left out</span></h2><ul>",
        *(f"<li>{html.escape(zh)} · {html.escape(en)}</li>" for zh, en in dict.fromkeys(NOT_GIVEN.values())),
        "</ul>",
    ]
    for relation, count, shown in sections:
        zh, en = words_of(relation)
        heads = list(shown[0])
        parts.append(
            f"<h2 id='{relation}'>{html.escape(zh)} <span lang='en'>{html.escape(en)}</span> ({count})</h2>"
            "<div><table><tr>"
        )
        parts += [f"<th>{html.escape(head)}</th>" for head in heads]
        for row in shown:
            parts.append("</tr><tr>")
            parts += [
                f"<td>{html.escape('' if row.get(head) is None else str(_cell(row[head])))}</td>" for head in heads
            ]
        parts.append("</tr></table></div>")
        if count > len(shown):
            parts.append(f"<p>… <a href='tables/{relation}.csv'>tables/{relation}.csv</a></p>")
    return "".join(parts)


def _store(
    conn: psycopg.Connection[Any], number: int, file: IO[bytes], held: int, turned: Callable[[], None]
) -> None:  # fmt: skip
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    digest, part = hashlib.sha256(), 0
    with conn.transaction():
        conn.execute("DELETE FROM person_copy_part WHERE copy_id = %s", (number,))
        while block := file.read(PART):
            digest.update(block)
            conn.execute(
                "INSERT INTO person_copy_part (copy_id, number, body) VALUES (%s, %s, %s)", (number, part, block)
            )
            part += 1
            turned()
        conn.execute(
            "UPDATE person_copy SET state = 'done', done = total, held = %s, bytes = %s, sha256 = %s,"
            " made_at = clock_timestamp(), expires_at = clock_timestamp() + %s WHERE id = %s AND state = 'running'",
            (held, size, digest.digest(), KEPT, number),
        )
