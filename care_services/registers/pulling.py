"""Fetch registers from a platform beside: by ETag and cursor, page by page, each page with its checksum.

``GET URL?since=CURSOR`` with ``If-None-Match``; 304 is nothing new. A page is a table (CSV with headings) with
``Content-Digest`` (RFC 9530), the next one is named by ``Link: <…>; rel="next"`` (RFC 8288) on the same host, the last
one has ``Register-Since``, the cursor of the next time. All pages are taken in together or not at all, and the cursor
moves with them: a fetch that breaks off is repeated from the same place.
"""

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account, account_by_id, account_by_login
from care_network.access.permissions import Action, audit, in_area, may_do
from care_network.errors import CareNetworkError, NotPermittedError, ProvisioningError
from care_network.importing import tables
from care_network.importing.tables import Table, TableRow
from care_network.medical.keyring import KeyRing
from care_services.core.calls import Answer, ask
from care_services.registers import collecting, sources
from care_services.registers.collecting import Reading
from care_services.registers.sources import Source, SourceFields
from vocabulary.times import SHANGHAI

MOST_PAGES, PAGE_BYTES = 500, 8 << 20
LOCK = 26000
"""First half of the advisory lock of whoever fetches from a source; the second is the source."""
PAUSES_S = (60, 600, 1800, 3600, 3 * 3600)
"""Between attempts after a failure, but never longer than the source's own interval."""
MOST_A_TURN, PAGE_S = 2, 6.0
"""Sources of one turn of the rounds, whose other jobs wait meanwhile, and seconds of a page."""
PULL = "pull_register"
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')
Get = Callable[[str, Mapping[str, str]], Answer]


class Pulled(msgspec.Struct, frozen=True):
    """The outcome of a fetch: the import, or None where there was nothing new."""

    import_id: int | None
    pages: int
    lines: int


class PullError(ProvisioningError):
    """The other side did not answer, or its pages are not whole; nothing was taken in."""

    code = "pull"


def add(
    conn: Connection[Any],
    account: Account,
    code: str,
    register: str,
    name_zh: str,
    name_en: str,
    url: str,
    area: str,
    mapping: Mapping[str, str],
    *,
    at: dt.datetime,
    origin: str = "",
) -> None:
    """Name a source that is fetched by hand. Raises NotPermittedError, ExistsError, ProvisioningError."""
    fields = SourceFields(
        code=code, register=register, name_zh=name_zh, name_en=name_en, url=url, area=area, mapping=mapping
    )
    sources.save(conn, account, fields, 0, at=at, origin=origin)


def pull(
    conn: Connection[Any],
    account: Account,
    ring: KeyRing,
    code: str,
    *,
    at: dt.datetime,
    origin: str = "",
    get: Get | None = None,
) -> Pulled:
    """Fetch what is new from a source and take it in. Raises PullError; what came of it is kept with the source.

    ``conn`` is not in a transaction: nothing is held while the other side is asked.
    """
    source = sources.one(conn, account, code)
    try:
        fetched = _fetch(source, get or _get)
    except PullError as error:
        _note(conn, account, source, at, f"{error.message_zh} {error.message_en}", origin)
        raise
    if fetched is None:
        _note(conn, account, source, at, "没有更新 nothing new", origin, good=True)
        return Pulled(None, 0, 0)
    table, pages, etag, since, complete = fetched
    reading = Reading(
        register=source.register, area=source.area_path, taken_on=at.astimezone(SHANGHAI).date(),
        mapping=source.mapping, complete=complete and not source.since, source=source.id,
    )  # fmt: skip
    with conn.transaction():
        taken = collecting.take_in(conn, account, ring, table, reading, at=at, origin=origin)
        conn.execute(
            "UPDATE register_source SET etag = %s, since = %s WHERE id = %s",
            (etag, since or source.since, source.id),
        )
        words = f"导入 {taken.id}：{len(table.rows)} 行 import {taken.id}, {len(table.rows)} lines"
        _note(conn, account, source, at, words, origin, good=True)
    return Pulled(taken.id, pages, len(table.rows))


def pull_due(conn: Connection[Any], now: dt.datetime, ring: Callable[[], KeyRing], get: Get | None = None) -> int:
    """Fetch what is due, for the rounds; the number of sources that answered. ``ring`` is asked only where any is.

    ``conn`` is in autocommit. The outcome is kept with each source.
    """
    due = conn.execute(
        "SELECT id, code, area_path::text, acts_as, failures, every_hours FROM register_source"
        " WHERE active AND every_hours IS NOT NULL AND next_at <= %s ORDER BY next_at, id LIMIT %s",
        (now, MOST_A_TURN),
    ).fetchall()
    answered = 0
    for number, code, area, by, failures, hours in due:
        row = conn.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK, number)).fetchone()
        if row is None or not row[0]:
            continue  # another process is at it
        every = dt.timedelta(hours=hours)
        try:
            account = _acting(conn, by, area)
            pull(conn, account, ring(), code, at=now, origin="rounds", get=get or _briefly)
        except CareNetworkError as error:
            pause = dt.timedelta(seconds=PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            conn.execute(
                "UPDATE register_source SET failures = failures + 1, next_at = %s, asked_at = %s, answer = %s"
                " WHERE id = %s",
                (now + min(pause, every), now, f"{error.message_zh} {error.message_en}"[:300], number),
            )
        else:
            answered += 1
            conn.execute("UPDATE register_source SET next_at = %s WHERE id = %s", (now + every, number))
        finally:
            conn.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK, number))
    return answered


def _acting(conn: Connection[Any], number: int | None, area: str) -> Account:
    """The account in whose name a source is fetched. Raises NotPermittedError where it no longer may."""
    known = None if number is None else account_by_id(conn, number)
    found = None if known is None else account_by_login(conn, known.login)
    if found is None or not may_do(found, Action.MANAGE_REGISTERS) or not in_area(found, area):
        raise NotPermittedError(
            en="the account in whose name it is fetched is off, or may not do it any more: save the source anew",
            zh="设置人的账号已停用或已无此权限，请由有权限的人员重新保存该来源",
        )
    return found


_briefly: Get = partial(ask, "GET", most=PAGE_BYTES, timeout_s=PAGE_S)


def _get(url: str, headers: Mapping[str, str]) -> Answer:
    return ask("GET", url, headers, most=PAGE_BYTES)


def _fetch(source: Source, get: Get) -> tuple[Table, int, str, str, bool] | None:
    query = urlencode({"since": source.since}) if source.since else ""
    url = source.url + (("&" if "?" in source.url else "?") + query if query else "")
    headers = {"Accept": "text/csv", "User-Agent": "shouwang"}
    pages: list[Table] = []
    whole, etag = hashlib.sha256(), ""
    while True:
        conditional = {"If-None-Match": source.etag} if not pages and source.etag else {}
        answer = get(url, {**headers, **conditional})
        if answer.status == 304 and not pages:
            return None
        if answer.status != 200:
            raise _wrong(f"第 {len(pages) + 1} 页：{answer.error or f'HTTP {answer.status}'}",
                         f"page {len(pages) + 1}: {answer.error or f'HTTP {answer.status}'}")  # fmt: skip
        _checked_digest(answer, len(pages) + 1)
        try:
            page = tables.parse("page.csv", answer.body)
        except ProvisioningError as error:
            raise _wrong(error.message_zh, error.message_en) from error
        if pages and page.headings.cells != pages[0].headings.cells:
            raise _wrong(
                f"第 {len(pages) + 1} 页的列与第 1 页不同", f"page {len(pages) + 1} has other columns than page 1"
            )
        pages.append(page)
        whole.update(answer.body)
        etag = etag or answer.headers.get("etag", "")
        following = _NEXT.search(answer.headers.get("link", ""))
        if following is None:
            rows = tuple(row for page in pages for row in page.rows)
            numbered = tuple(TableRow(number, row.cells) for number, row in enumerate(rows, 2))
            table = Table(source.code, whole.hexdigest(), pages[0].headings, numbered)
            complete = answer.headers.get("register-complete", "").lower() == "yes"
            return table, len(pages), etag, answer.headers.get("register-since", ""), complete
        url = urljoin(url, following[1])
        if urlsplit(url)[:2] != urlsplit(source.url)[:2] or len(pages) >= MOST_PAGES:
            raise _wrong("下一页指向其他主机，或页数过多", "the next page leads to another host, or there are too many")


def digest_of(body: bytes) -> str:
    """The header Content-Digest of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _checked_digest(answer: Answer, page: int) -> None:
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", answer.headers.get("content-digest", ""))
    if found is None:
        raise _wrong(f"第 {page} 页没有校验值（Content-Digest）", f"page {page} has no checksum (Content-Digest)")
    if digest_of(answer.body) != f"sha-256=:{found[1]}:":
        raise _wrong(f"第 {page} 页与其校验值不符", f"page {page} differs from its checksum")


def _note(
    conn: Connection[Any], account: Account, source: Source, at: dt.datetime, words: str, origin: str, *,
    good: bool = False,
) -> None:  # fmt: skip
    with conn.transaction():
        conn.execute(
            "UPDATE register_source SET asked_at = %(at)s, answer = %(words)s,"
            " good_at = CASE WHEN %(good)s THEN %(at)s ELSE good_at END,"
            " failures = CASE WHEN %(good)s THEN 0 ELSE failures END WHERE id = %(id)s",
            {"at": at, "words": words[:300], "good": good, "id": source.id},
        )
        audit(conn, account, PULL, at=at, origin=origin, detail={"source": source.code, "answer": words[:100]})


def _wrong(zh: str, en: str) -> PullError:
    return PullError(en=f"nothing was taken in: {en}", zh=f"未导入：{zh}")
