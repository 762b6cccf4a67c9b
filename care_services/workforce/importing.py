"""Profiles of many people from a table: every line is checked first, and only lines without a fault are stored."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_network.importing.tables import Table, as_text
from care_services.core.connected import Connected
from care_services.workforce.editing import change, read_facts
from care_services.workforce.profile import Facts
from care_services.workforce.terms import EDUCATION, LEVELS

COLUMNS: Mapping[str, tuple[str, str]] = {
    "code": ("工号", "code"), "education": ("学历", "education"), "level": ("技能等级", "skill level"),
    "title": ("职称", "professional title"), "first_registered_on": ("首次登记日期", "first registered on"),
}  # fmt: skip
MOST_LINES = 5000
Verdict = Literal["changed", "unchanged", "refused"]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table: the person, and what becomes of it or what is wrong with it."""

    number: int
    code: str
    verdict: Verdict
    zh: str = ""
    en: str = ""
    """The fault; empty: there is none."""
    column: str = ""
    facts: Facts | None = None
    version: int = 0


def headings() -> list[str]:
    """The headings of the table, as a template has them."""
    return [f"{zh} {field}" for field, (zh, _) in COLUMNS.items()]


def check(acting: Connected, table: Table) -> list[Line]:
    """Say of each line what would become of it. Raises ProvisioningError where the table itself is not right."""
    acting.require(Action.MANAGE_STAFF)
    places = _places(table.headings.cells)
    if len(table.rows) > MOST_LINES:
        raise ProvisioningError(
            en=f"more than {MOST_LINES} lines: divide the table", zh=f"超过 {MOST_LINES} 行，请分批导入", field="file"
        )
    rows = [
        (row.number, {field: row.cells[at].strip() if at < len(row.cells) else "" for field, at in places.items()})
        for row in table.rows
    ]
    known = _known(acting, [cells["code"] for _, cells in rows])
    seen: set[str] = set()
    found = []
    for number, cells in rows:
        found.append(_line(acting, number, cells, known, seen))
        seen.add(cells["code"])
    return found


def store(acting: Connected, lines: Sequence[Line]) -> int:
    """Store the lines that change something, all or none of them; how many. Raises ChangedMeanwhileError."""
    done = [line for line in lines if line.verdict == "changed" and line.facts is not None]
    with acting.conn.transaction():
        for line in done:
            if line.facts is not None:
                change(acting, line.code, line.version, line.facts)
    return len(done)


def present(acting: Connected) -> list[tuple[str, ...]]:
    """The profiles of the area as lines of such a table, to be filled in."""
    acting.require(Action.MANAGE_STAFF)
    rows = acting.conn.execute(
        "SELECT s.code, p.education, p.level::text, p.title, p.first_registered_on::text FROM staff s"
        " JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id"
        " LEFT JOIN staff_profile p ON p.staff_id = s.id"
        " WHERE s.active AND a.path <@ %s::ltree ORDER BY s.code LIMIT %s",
        (acting.account.area_path, MOST_LINES),
    ).fetchall()
    return [tuple(as_text(value or "") for value in row) for row in rows]


def _places(cells: Sequence[str]) -> dict[str, int]:
    places = {}
    for field, (zh, _) in COLUMNS.items():
        at = next((at for at, cell in enumerate(cells) if zh in cell or field in cell.lower()), None)
        if at is not None:
            places[field] = at
    if "code" not in places or len(places) < 2:
        raise ProvisioningError(
            en=f"the first row holds the headings: {', '.join(headings())}",
            zh=f"第一行应为列标题：{'、'.join(headings())}", field="file",
        )  # fmt: skip
    return places


def _known(acting: Connected, codes: Sequence[str]) -> dict[str, Facts]:
    rows = acting.conn.execute(
        "SELECT s.code, p.education, p.level, coalesce(p.title, ''), p.first_registered_on, coalesce(p.version, 0)"
        " FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id"
        " LEFT JOIN staff_profile p ON p.staff_id = s.id"
        " WHERE s.active AND a.path <@ %s::ltree AND s.code = ANY (%s)",
        (acting.account.area_path, list(codes)),
    ).fetchall()
    return {
        row[0]: Facts(education=row[1], level=row[2], title=row[3], first_registered_on=row[4], version=row[5])
        for row in rows
    }


def _line(acting: Connected, number: int, cells: Mapping[str, str], known: Mapping[str, Facts], seen: set[str]) -> Line:
    code = cells["code"]
    before = known.get(code)
    if before is None:
        return Line(
            number=number, code=code, verdict="refused", column="code", zh="管辖区域内没有这个工号",
            en="nobody of this code in your area",
        )  # fmt: skip
    if code in seen:
        return Line(
            number=number, code=code, verdict="refused", zh="与前面的行重复", en="a line above is of the same person",
            column="code",
        )  # fmt: skip
    # an empty cell leaves a field as it is
    form = {
        "education": _code(cells.get("education", ""), EDUCATION) or before.education or "",
        "level": _code(cells.get("level", ""), LEVELS) or str(before.level or ""),
        "title": cells.get("title", "") or before.title,
        "first_registered_on": cells.get("first_registered_on", "")[:10].replace("/", "-")
        or str(before.first_registered_on or ""),
    }  # fmt: skip
    try:
        facts = read_facts(form, acting.today)
    except ProvisioningError as error:
        return Line(
            number=number, code=code, verdict="refused", zh=error.message_zh, en=error.message_en,
            column=error.field or "",
        )  # fmt: skip
    same = msgspec.structs.replace(facts, version=before.version) == before
    return Line(
        number=number, code=code, verdict="unchanged" if same else "changed", facts=facts, version=before.version
    )


def _code(cell: str, words: Mapping[int, tuple[str, str]] | Mapping[str, tuple[str, str]]) -> str:
    """The code of a cell that has the code or a word of it; what nobody knows stays as it is, and is refused."""
    text = cell.strip().lower()
    for code, (zh, en) in words.items():
        if text and (text in (str(code), zh, en.lower()) or text in zh.split("/")):
            return str(code)
    return text
