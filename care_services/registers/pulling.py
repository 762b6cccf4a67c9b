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
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account, clean
from care_network.access.permissions import Action, audit, in_area, require
from care_network.errors import ExistsError, NotFoundError, NotPermittedError, ProvisioningError
from care_network.importing import tables
from care_network.importing.tables import Table, TableRow
from care_network.medical.keyring import KeyRing
from care_services.core.calls import Answer, ask, checked_address
from care_services.registers import collecting
from care_services.registers.catalogue import register_named
from care_services.registers.collecting import Reading
from vocabulary.times import SHANGHAI

MOST_PAGES, PAGE_BYTES = 500, 8 << 20
SET_SOURCE, PULL = "set_register_source", "pull_register"
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')
Get = Callable[[str, Mapping[str, str]], Answer]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A register that a platform beside offers."""

    id: int
    code: str
    register: str
    name_zh: str
    name_en: str
    url: str
    area_path: str
    mapping: dict[str, str]
    etag: str
    since: str
    active: bool
    asked_at: dt.datetime | None
    answer: str


class Pulled(msgspec.Struct, frozen=True):
    """The outcome of a fetch: the import, or None where there was nothing new."""

    import_id: int | None
    pages: int
    lines: int


class PullError(ProvisioningError):
    """The other side did not answer, or its pages are not whole; nothing was taken in."""

    code = "pull"


_SELECT = (
    "SELECT id, code, register, name_zh, name_en, url, area_path::text AS area_path, mapping, etag, since, active,"
    " asked_at, answer FROM register_source WHERE area_path <@ %s::text::ltree"
)


def listing(conn: Connection[Any], account: Account) -> list[Source]:
    """Sources of the account's area, by code."""
    require(account, Action.MANAGE_REGISTERS)
    with conn.cursor(row_factory=class_row(Source)) as cursor:
        return cursor.execute(_SELECT + " ORDER BY code", (account.area_path,)).fetchall()


def one(conn: Connection[Any], account: Account, code: str) -> Source:
    """A source of the account's area. Raises NotFoundError."""
    found = next((source for source in listing(conn, account) if source.code == clean(code)), None)
    if found is None:
        raise NotFoundError(en=f"there is no source {code!r} in your area", zh=f"您的管辖区域内没有名册来源 {code}")
    return found


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
    """Name a source. Raises NotPermittedError, ExistsError, ProvisioningError."""
    require(account, Action.MANAGE_REGISTERS)
    if not in_area(account, area):
        raise NotPermittedError(en=f"{area} is not in your area", zh=f"{area} 不在您的管辖区域内", field="area")
    values = (clean(code), register_named(register).code, clean(name_zh), clean(name_en), checked_address(url), area)
    if not all(values):
        raise ProvisioningError(en="code and names are needed", zh="请填写编号和名称", field="code")
    with conn.transaction():
        try:
            with conn.transaction():
                conn.execute(
                    "INSERT INTO register_source (code, register, name_zh, name_en, url, area_path, mapping, added_at,"
                    " added_by) VALUES (%s, %s, %s, %s, %s, %s::text::ltree, %s, %s, %s)",
                    (*values, Jsonb(dict(mapping)), at, account.id),
                )
        except UniqueViolation as error:
            raise ExistsError(
                en=f"there is a source {code!r} already", zh=f"已有名册来源 {code}", field="code"
            ) from error
        audit(conn, account, SET_SOURCE, at=at, origin=origin, detail={"source": code, "url": url})


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
    source = one(conn, account, code)
    try:
        fetched = _fetch(source, get or _get)
    except PullError as error:
        _note(conn, account, source, at, f"{error.message_zh} {error.message_en}", origin)
        raise
    if fetched is None:
        _note(conn, account, source, at, "没有更新 nothing new", origin)
        return Pulled(None, 0, 0)
    table, pages, etag, since, complete = fetched
    reading = Reading(
        register=source.register, area=source.area_path, taken_on=at.astimezone(SHANGHAI).date(),
        mapping=source.mapping, complete=complete and not source.since, source=source.id,
    )  # fmt: skip
    with conn.transaction():
        taken = collecting.take_in(conn, account, ring, table, reading, at=at, origin=origin)
        conn.execute(
            "UPDATE register_source SET etag = %s, since = %s WHERE id = %s", (etag, since or source.since, source.id)
        )
        words = f"导入 {taken.id}：{len(table.rows)} 行 import {taken.id}, {len(table.rows)} lines"
        _note(conn, account, source, at, words, origin)
    return Pulled(taken.id, pages, len(table.rows))


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


def _checked_digest(answer: Answer, page: int) -> None:
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", answer.headers.get("content-digest", ""))
    if found is None:
        raise _wrong(f"第 {page} 页没有校验值（Content-Digest）", f"page {page} has no checksum (Content-Digest)")
    if base64.b64encode(hashlib.sha256(answer.body).digest()).decode() != found[1]:
        raise _wrong(f"第 {page} 页与其校验值不符", f"page {page} differs from its checksum")


def _note(conn: Connection[Any], account: Account, source: Source, at: dt.datetime, words: str, origin: str) -> None:
    with conn.transaction():
        conn.execute(
            "UPDATE register_source SET asked_at = %s, answer = %s WHERE id = %s", (at, words[:300], source.id)
        )
        audit(conn, account, PULL, at=at, origin=origin, detail={"source": source.code, "answer": words[:100]})


def _wrong(zh: str, en: str) -> PullError:
    return PullError(en=f"nothing was taken in: {en}", zh=f"未导入：{zh}")
