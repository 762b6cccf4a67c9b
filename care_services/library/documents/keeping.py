"""Documents and their versions: who may see them, how they are added, changed and taken out of force."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import errors
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account
from care_network.access.permissions import ROLES_ZH, Action, Role, in_area
from care_network.errors import ChangedMeanwhileError, ExistsError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core.connected import Connected
from care_services.library.documents import files, searching
from care_services.library.documents.files import Inside
from care_services.library.documents.markdown import plain
from care_services.library.topics import TOPICS
from vocabulary.area_path import within
from vocabulary.text import check_text

KINDS = {
    "standard": ("标准", "Standard"), "procedure": ("规程", "Procedure"), "guide": ("指引", "Guide"),
    "form": ("表单", "Form"),
}  # fmt: skip
READERS = (
    Role.ADMIN, Role.DISPATCHER, Role.LEAD, Role.MANAGER, Role.STATION, Role.CARER,
)  # fmt: skip
"""Roles that may be asked to read: those that see care and services."""
MOST_TEXT = 200_000
LIMIT = 50


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document with its version in force, and the next one where it is announced."""

    id: int
    code: str
    kind: str
    title_zh: str
    title_en: str
    area: str
    roles: list[str]
    organisations: list[int]
    topics: list[str]
    read_days: int
    retired_at: dt.datetime | None
    version: int
    number: int | None
    """Of the version in force; None: none is yet."""
    version_id: int | None
    valid_from: dt.date | None
    note: str
    text: str
    """Of the version in force; empty in a list."""
    excerpt: str
    """In a search: the words around the first one found, as they were written."""
    has_file: bool
    read_at: dt.datetime | None
    """When the asking account confirmed the version in force."""
    mine: bool
    """Whether the asking account has to read it."""

    @property
    def due_on(self) -> dt.date | None:
        """The last day on which it is to be confirmed."""
        return None if self.valid_from is None else self.valid_from + dt.timedelta(days=self.read_days)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version without its file."""

    id: int
    number: int
    valid_from: dt.date
    text: str
    has_file: bool
    size: int
    file_name: str
    sha256: bytes
    note: str
    made_at: dt.datetime
    actor: str
    how: str
    """How much of the file was read (files.How)."""
    pages: int
    inside: str
    """The words inside the file."""
    actor_en: str | None = None

    @property
    def words(self) -> str:
        """The words to compare: the text, else those inside the file."""
        return self.text or self.inside


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version to be put in force: a text, or a file."""

    valid_from: dt.date
    text: str = ""
    file: bytes | None = None
    file_name: str = ""
    note: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The particulars of a document that change without a new version."""

    kind: str
    title_zh: str
    title_en: str
    roles: tuple[str, ...] = ()
    organisations: tuple[int, ...] = ()
    topics: tuple[str, ...] = ()
    read_days: int = 7


_MINE: LiteralString = """
    d.retired_at IS NULL AND %(role)s = ANY (d.roles) AND %(area)s::ltree <@ d.area
    AND (d.organisations = '{}' OR EXISTS (
        SELECT FROM staff s
        WHERE s.account_id = %(account)s AND s.active AND s.organisation_id = ANY (d.organisations)))
"""
_DOCUMENT: LiteralString = f"""
    SELECT d.id, d.code, d.kind, d.title_zh, d.title_en, d.area::text AS area, d.roles, d.organisations, d.topics,
           d.read_days, d.retired_at, d.version, v.number, v.id AS version_id, v.valid_from,
           coalesce(v.note, '') AS note,
           TEXT AS text, EXCERPT AS excerpt, coalesce(v.has_file, false) AS has_file, r.at AS read_at,
           {_MINE} AS mine
    FROM library_document d
    LEFT JOIN LATERAL (
        SELECT id, number, valid_from, note, text, file IS NOT NULL AS has_file FROM library_version v
        WHERE v.document_id = d.id AND v.valid_from <= %(today)s ORDER BY v.valid_from DESC, v.number DESC LIMIT 1
    ) v ON true
    LEFT JOIN library_search s ON s.version_id = v.id
    LEFT JOIN library_read r ON r.version_id = v.id AND r.account_id = %(account)s
    WHERE (d.area @> %(area)s::ltree OR d.area <@ %(area)s::ltree)
"""  # noqa: S608 - of constants
_WHOLE: LiteralString = _DOCUMENT.replace("TEXT", "coalesce(v.text, '')").replace("EXCERPT", "''")
_LISTED: LiteralString = _DOCUMENT.replace("TEXT", "''")
_NO_EXCERPT: LiteralString = _LISTED.replace("EXCERPT", "''")
_AROUND: LiteralString = _LISTED.replace(
    "EXCERPT",
    # as it was written where it is found there, else (full-width letters) in the plain form in which it is searched
    "CASE WHEN strpos(s.flat, %(word_a)s) = 0 THEN '' ELSE coalesce("
    "(SELECT regexp_replace(substr(w, greatest(1, n - %(around)s), 2 * %(around)s + 40), '[[:space:]]+', ' ', 'g')"
    " FROM (SELECT w, strpos(lower(w), %(word_a)s) AS n"
    " FROM (SELECT v.text || ' ' || v.note || ' ' || s.inside AS w) x) y WHERE n > 0),"
    " substr(s.flat, greatest(1, strpos(s.flat, %(word_a)s) - %(around)s), 2 * %(around)s + 40)) END",
)
_VERSION: LiteralString = """
    SELECT v.id, v.number, v.valid_from, v.text, v.file IS NOT NULL AS has_file,
           coalesce(octet_length(v.file), 0) AS size, v.file_name, v.sha256, v.note, v.made_at, v.actor,
           (SELECT n.name_en FROM account n WHERE n.id = v.account_id) AS actor_en,
           coalesce(s.how, 'unread') AS how, coalesce(s.pages, 0) AS pages, coalesce(s.inside, '') AS inside
    FROM library_version v LEFT JOIN library_search s ON s.version_id = v.id
"""


def listing(
    acting: Connected, *, words: str = "", kind: str = "", topic: str = "", after: str = "", retired: bool = False
) -> list[Document]:
    """Documents of the account's area and of those around it, by code; LIMIT + 1, so that it shows if there are more.

    ``words``: each has to be in the title, the code or the text in force.
    """
    acting.require(Action.VIEW_CARE)
    more: LiteralString = """
        AND d.code > %(after)s AND (%(kind)s = '' OR d.kind = %(kind)s)
        AND (%(topic)s = '' OR %(topic)s = ANY (d.topics)) AND (%(retired)s OR d.retired_at IS NULL)
    """
    found_by, by = searching.conditions(words)
    asks = {
        **_who(acting), "after": after, "kind": kind, "topic": topic, "retired": retired, "most": LIMIT + 1,
        "around": searching.AROUND, **by,
    }  # fmt: skip
    query = (_AROUND if by else _NO_EXCERPT) + more + found_by + " ORDER BY d.code LIMIT %(most)s"
    with acting.conn.cursor(row_factory=class_row(Document)) as cursor:
        found = cursor.execute(query, asks).fetchall()
    return [msgspec.structs.replace(one, excerpt=plain(one.excerpt)) if one.excerpt else one for one in found]


def find(acting: Connected, code: str) -> Document:
    """A document. Raises NotFoundError where it is of another area."""
    acting.require(Action.VIEW_CARE)
    with acting.conn.cursor(row_factory=class_row(Document)) as cursor:
        found = cursor.execute(_WHOLE + " AND d.code = %(code)s", {**_who(acting), "code": code}).fetchone()
    if found is None:
        raise _nothing(code)
    return found


def to_read(acting: Connected) -> list[Document]:
    """The documents that the account still has to read and confirm, the most urgent first."""
    if not acting.account.area_path:
        return []
    with acting.conn.cursor(row_factory=class_row(Document)) as cursor:
        rows = cursor.execute(
            f"{_NO_EXCERPT} AND {_MINE} AND v.id IS NOT NULL AND r.at IS NULL"
            " ORDER BY v.valid_from + d.read_days, d.code LIMIT 100",
            _who(acting),
        ).fetchall()
    return rows


def versions(acting: Connected, document: Document) -> list[Version]:
    """The versions of a document, the newest first; announced ones, too."""
    with acting.conn.cursor(row_factory=class_row(Version)) as cursor:
        return cursor.execute(_VERSION + " WHERE v.document_id = %s ORDER BY v.number DESC", (document.id,)).fetchall()


def file_of(acting: Connected, code: str, number: int) -> tuple[str, bytes]:
    """The name and the bytes of a version's file. Raises NotFoundError."""
    document = find(acting, code)
    row = acting.conn.execute(
        "SELECT file_name, file FROM library_version WHERE document_id = %s AND number = %s AND file IS NOT NULL",
        (document.id, number),
    ).fetchone()
    if row is None:
        raise _nothing(f"{code}/{number}")
    return str(row[0]), bytes(row[1])


def add(acting: Connected, code: str, facts: Facts, new: NewVersion) -> None:
    """Add a document with its first version; it holds for the account's area. Raises ProvisioningError, ExistsError."""
    acting.require(Action.MANAGE_LIBRARY)
    if not (
        code.replace("-", "").isalnum()
        and code.isascii()
        and code == code.lower()
        and len(code) <= 40
        and code != "new"
    ):
        raise ProvisioningError(
            en="a code has small letters, digits and -, such as fall-procedure",
            zh="代码只能用小写字母、数字和连字符，如 fall-procedure",
            field="code",
        )  # fmt: skip
    checked = _checked(acting, facts)
    inside = _inside(new)
    with acting.conn.transaction():
        try:
            row = acting.conn.execute(
                "INSERT INTO library_document (code, kind, title_zh, title_en, area, roles, organisations, topics,"
                " read_days, made_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
                (code, checked.kind, checked.title_zh, checked.title_en, acting.account.area_path, list(checked.roles),
                 list(checked.organisations), list(checked.topics), checked.read_days, acting.now),
            ).fetchone()  # fmt: skip
        except errors.UniqueViolation as error:
            raise ExistsError(
                en=f"there is a document {code!r} already", zh=f"代码 {code} 已被使用", field="code"
            ) from error
        assert row is not None  # noqa: S101 - RETURNING
        _insert(acting, row[0], 1, new, inside)
        _trace(acting, row[0], code, "add", {})


def add_version(acting: Connected, code: str, new: NewVersion, seen: int) -> int:
    """Add a version; whoever confirmed the one before has to read again. Gives its number.

    ``seen``: the newest number that the author saw; raises ChangedMeanwhileError where somebody added one since.
    """
    acting.require(Action.MANAGE_LIBRARY)
    inside = _inside(new)
    with acting.conn.transaction():
        document = _own(acting, code)
        row = acting.conn.execute(
            "SELECT max(number), max(valid_from) FROM library_version WHERE document_id = %s", (document.id,)
        ).fetchone()
        newest, since = row if row is not None else (0, None)
        if newest != seen:
            raise ChangedMeanwhileError(
                en=f"version {newest} was added meanwhile; look at it first", zh=f"刚有人发布了第 {newest} 版，请先查看"
            )
        if since is not None and new.valid_from < since:
            raise ProvisioningError(
                en=f"it cannot hold before the version before it ({since})", zh=f"生效日期不能早于上一版（{since}）",
                field="valid_from",
            )  # fmt: skip
        try:
            _insert(acting, document.id, newest + 1, new, inside)
        except errors.UniqueViolation as error:
            raise ChangedMeanwhileError(
                en="somebody added a version meanwhile; look at it first", zh="刚有人发布了新版，请先查看"
            ) from error
        _trace(acting, document.id, code, "version", {"number": newest + 1})
    return int(newest + 1)


def change(acting: Connected, code: str, version: int, facts: Facts) -> None:
    """Change a document's names and readers. Raises ChangedMeanwhileError where somebody did since ``version``."""
    acting.require(Action.MANAGE_LIBRARY)
    checked = _checked(acting, facts)
    with acting.conn.transaction():
        document = _own(acting, code)
        done = acting.conn.execute(
            "UPDATE library_document SET kind = %s, title_zh = %s, title_en = %s, roles = %s, organisations = %s,"
            " topics = %s, read_days = %s, version = version + 1 WHERE id = %s AND version = %s",
            (checked.kind, checked.title_zh, checked.title_en, list(checked.roles), list(checked.organisations),
             list(checked.topics), checked.read_days, document.id, version),
        )  # fmt: skip
        if not done.rowcount:
            raise ChangedMeanwhileError(
                en="somebody changed it meanwhile: what is kept now stands beside",
                zh="刚有人修改过，现有内容已列在旁边",
            )
        now = msgspec.to_builtins(checked)
        changed = {name: value for name, value in now.items() if _old(document, name) != value}
        _trace(acting, document.id, code, "change", {"fields": sorted(changed)})


def retire(acting: Connected, code: str, *, back: bool = False) -> None:
    """Take a document out of force, or put it back; what was confirmed stays known."""
    acting.require(Action.MANAGE_LIBRARY)
    with acting.conn.transaction():
        document = _own(acting, code)
        acting.conn.execute(
            "UPDATE library_document SET retired_at = %s, version = version + 1 WHERE id = %s",
            (None if back else acting.now, document.id),
        )
        _trace(acting, document.id, code, "restore" if back else "retire", {})


def _checked(acting: Connected, facts: Facts) -> Facts:
    facts = msgspec.structs.replace(
        facts, title_zh=check_text(facts.title_zh.strip(), 120, lines=False),
        title_en=check_text(facts.title_en.strip() or facts.title_zh.strip(), 160, lines=False),
    )  # fmt: skip
    if not facts.title_zh:
        raise ProvisioningError(en="a document has a title", zh="请填写标题", field="title_zh")
    if facts.kind not in KINDS:
        raise ProvisioningError(en="choose a kind", zh="请选择类别", field="kind")
    if not set(facts.roles) <= set(READERS):
        raise ProvisioningError(en="choose readers among the roles", zh="请在角色中选择阅读人", field="roles")
    if not set(facts.topics) <= TOPICS.keys():
        raise ProvisioningError(en="choose topics of the list", zh="请从列表中选择主题", field="topics")
    if not 1 <= facts.read_days <= 365:
        raise ProvisioningError(en="1 to 365 days", zh="须为 1 至 365 天", field="read_days")
    if facts.organisations:
        rows = acting.conn.execute(
            "SELECT o.id, a.path::text FROM organisation o JOIN area a ON a.id = o.area_id WHERE o.id = ANY (%s)",
            (list(facts.organisations),),
        ).fetchall()
        if len(rows) != len(set(facts.organisations)) or not all(in_area(acting.account, path) for _, path in rows):
            raise ProvisioningError(
                en="choose organisations of your area", zh="请选择管辖区域内的机构", field="organisations"
            )
    return facts


def _inside(new: NewVersion) -> Inside:
    """Read the file, before anything is locked. Raises ProvisioningError for one that cannot be taken."""
    return Inside("text") if new.file is None else files.read(new.file)


def _insert(acting: Connected, document_id: int, number: int, new: NewVersion, inside: Inside) -> None:
    text = check_text(new.text, MOST_TEXT).strip()
    if new.file is None and not text:
        raise ProvisioningError(en="write the text or choose a file", zh="请填写正文或选择文件", field="text")
    if number > 1 and not new.note.strip():
        raise ProvisioningError(en="say what is new in it", zh="请写明本版的变化", field="note")
    digest = hashlib.sha256(new.file if new.file is not None else text.encode()).digest()
    note = check_text(new.note.strip(), 500)
    row = acting.conn.execute(
        "INSERT INTO library_version (document_id, number, valid_from, text, file, file_name, sha256, note,"
        " made_at, account_id, actor) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (document_id, number, new.valid_from, text, new.file, new.file_name[:120], digest, note, acting.now,
         acting.account.id, acting.account.name_zh),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - RETURNING
    searching.keep(acting.conn, row[0], text, note, inside, acting.now)


def is_own(acting: Connected, document: Document) -> bool:
    """Whether the account may change it: it holds for the account's area, or a part of it."""
    return within(document.area, acting.account.area_path or "")


def organisations(acting: Connected) -> list[tuple[int, str, str]]:
    """Open organisations of the account's area, as choices: (row, Chinese, English)."""
    return acting.conn.execute(
        "SELECT o.id, o.name_zh, o.name_en FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.active AND a.path <@ %s::ltree ORDER BY a.path, o.code LIMIT 60",
        (acting.account.area_path,),
    ).fetchall()


def _own(acting: Connected, code: str) -> Document:
    """A document that the account may change: of its own area or below. Raises NotFoundError, NotPermittedError."""
    document = find(acting, code)
    if not is_own(acting, document):
        raise NotPermittedError(
            en="this document holds for a larger area than yours: who keeps it there changes it",
            zh="该文件适用于更大的区域，请由上级负责人修改",
        )
    return document


def _trace(acting: Connected, document_id: int, code: str, what: str, detail: dict[str, Any]) -> None:
    acting.conn.execute(
        "INSERT INTO library_change (document_id, at, account_id, actor, what, detail) VALUES (%s, %s, %s, %s, %s, %s)",
        (document_id, acting.now, acting.account.id, acting.account.name_zh, what, Jsonb(detail)),
    )
    acting.audit(f"{what}_document", document=code, **detail)


def _who(acting: Connected) -> dict[str, Any]:
    account: Account = acting.account
    return {"account": account.id, "role": account.role, "area": account.area_path, "today": acting.today}


def _old(document: Document, name: str) -> Any:
    return getattr(document, name)


def _nothing(code: str) -> NotFoundError:
    return NotFoundError(en=f"there is no document {code!r} for you", zh=f"没有可查看的文件 {code}", field="document")


def role_words(roles: Sequence[str]) -> list[tuple[str, str]]:
    """Roles in Chinese and English."""
    return [(ROLES_ZH[Role(role)], role) for role in roles]
