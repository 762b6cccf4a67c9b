"""Diets of residents: allergies, diets, texture, with who said it and when; never edited, only said anew."""

import datetime as dt
from collections.abc import Collection
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.core.acting import Acting
from care_services.meals.checking import UNASKED, Diet
from care_services.meals.words import ALLERGENS, DIETS, SAID_BY, TEXTURES


class DietRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One saying about a resident's food. None of ``allergies``, ``diets`` and ``texture``: not asked then."""

    resident_id: int
    version: int
    allergies: list[str] | None
    other_allergies: str
    diets: list[str] | None
    texture: str | None
    said_by: str
    said_by_name: str
    said_on: dt.date
    recorded_at: dt.datetime
    recorded_by: str | None = None
    recorded_by_en: str | None = None


class NewDiet(msgspec.Struct, frozen=True, kw_only=True):
    """A saying to be written down. None: not asked."""

    allergies: tuple[str, ...] | None
    other_allergies: str = ""
    diets: tuple[str, ...] | None = None
    texture: str | None = None
    said_by: str
    said_by_name: str = ""
    said_on: dt.date


def diet_of(record: DietRecord | None) -> Diet:
    """The diet by which menus are judged; without a record nobody has asked."""
    if record is None:
        return UNASKED
    return Diet(
        allergies=None if record.allergies is None else frozenset(record.allergies),
        other_allergies=record.other_allergies,
        diets=None if record.diets is None else frozenset(record.diets),
        texture=record.texture,
    )


_COLUMNS: LiteralString = (
    "d.resident_id, d.version, d.allergies, d.other_allergies, d.diets, d.texture, d.said_by, d.said_by_name,"
    " d.said_on, d.recorded_at"
)


def current_of(conn: Connection[Any], resident_ids: Collection[int]) -> dict[int, DietRecord]:
    """The newest record of each of some residents, by id; who has none is not there."""
    with conn.cursor(row_factory=class_row(DietRecord)) as cursor:
        rows = cursor.execute(
            f"SELECT DISTINCT ON (d.resident_id) {_COLUMNS}"  # noqa: S608 - a constant
            " FROM meal_diet d WHERE d.resident_id = ANY (%s)"
            " ORDER BY d.resident_id, d.version DESC",
            (list(resident_ids),),
        ).fetchall()
    return {row.resident_id: row for row in rows}


def history(conn: Connection[Any], resident_id: int) -> list[DietRecord]:
    """Everything that was said of a resident's food, the newest first, 50 at most."""
    with conn.cursor(row_factory=class_row(DietRecord)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS}, a.name_zh AS recorded_by, a.name_en AS recorded_by_en"  # noqa: S608 - a constant
            " FROM meal_diet d LEFT JOIN account a ON a.id = d.account_id"
            " WHERE d.resident_id = %s ORDER BY d.version DESC LIMIT 50",
            (resident_id,),
        ).fetchall()


def record(conn: Connection[Any], acting: Acting, code: str, new: NewDiet, version: int) -> None:
    """Write down what somebody said. ``version``: of the newest record that the author had seen, 0 without one.

    Raises ProvisioningError, NotFoundError, ChangedMeanwhileError.
    """
    acting.require(Action.MANAGE_MEALS, Action.FAMILY_CIRCLE)
    number = acting.resident(conn, code, "record_diet")
    _check(new, acting.today)
    try:
        with conn.transaction():
            newest = conn.execute(
                "SELECT coalesce(max(version), 0) FROM meal_diet WHERE resident_id = %s", (number,)
            ).fetchone()
            if newest is None or newest[0] != version:
                raise _changed()
            conn.execute(
                "INSERT INTO meal_diet (resident_id, version, allergies, other_allergies, diets, texture, said_by,"
                " said_by_name, said_on, recorded_at, account_id)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    number, version + 1, _listed(new.allergies), new.other_allergies.strip(), _listed(new.diets),
                    new.texture, new.said_by, new.said_by_name.strip(), new.said_on, acting.at, acting.account.id,
                ),
            )  # fmt: skip
            acting.audit(conn, "record_diet", number, version=version + 1, said_by=new.said_by)
    except UniqueViolation as error:
        raise _changed() from error


def _listed(codes: tuple[str, ...] | None) -> list[str] | None:
    return None if codes is None else sorted(codes)


def _check(new: NewDiet, today: dt.date) -> None:
    if set(new.allergies or ()) - set(ALLERGENS):
        raise ProvisioningError(en="an allergen that the list does not have", zh="过敏原不在目录中", field="allergies")
    if set(new.diets or ()) - set(DIETS):
        raise ProvisioningError(en="a diet that the list does not have", zh="饮食要求不在目录中", field="diets")
    if new.texture is not None and new.texture not in TEXTURES:
        raise ProvisioningError(en="choose a texture", zh="请选择食物质地", field="texture")
    if new.said_by not in SAID_BY:
        raise ProvisioningError(en="choose who said it", zh="请选择告知人", field="said_by")
    if new.said_on > today:
        raise ProvisioningError(en="that day has not come yet", zh="告知日期不能晚于今天", field="said_on")
    if new.allergies is None and new.other_allergies.strip():
        raise ProvisioningError(
            en="tick that allergies were asked, since you name one", zh="已写明其他过敏，请勾选“已询问过敏史”",
            field="allergies",
        )  # fmt: skip
    if len(new.other_allergies) > 200 or len(new.said_by_name) > 60:
        raise ProvisioningError(en="200 characters at most", zh="不超过 200 字", field="other_allergies")


def _changed() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(
        en="somebody else wrote down the diet meanwhile: look at it, then save again",
        zh="他人刚刚登记了饮食情况，请先查看，再保存",
    )
