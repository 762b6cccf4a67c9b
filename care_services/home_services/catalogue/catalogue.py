"""The catalogue of services at home, and what each provider asks for them from a day on."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action, covers_every_home, in_area
from care_network.catalogues.services import SERVICES
from care_network.errors import (
    ChangedMeanwhileError,
    ExistsError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_services.core.acting import Acting

Unit = Literal["visit", "hour"]
UNITS: Mapping[str, tuple[str, str]] = {"visit": ("次", "visit"), "hour": ("小时", "hour")}
PROVIDERS = (
    "service_provider", "home_care_bed_team", "community_station", "street_elder_center", "medical_partner",
)  # fmt: skip
"""Kinds of organisations that may offer services at home."""
MOST_TASKS = 12
_CODE = re.compile(r"[a-z][a-z0-9_]{1,39}")


class CareService(msgspec.Struct, frozen=True, kw_only=True):
    """A service of the catalogue. ``work``: the kind of work in the care network's catalogue, whose skills it needs.

    ``minutes``: usual time. ``tasks_*``: what is ticked at check-out.
    """

    code: str
    work: str
    name_zh: str
    name_en: str
    unit: Unit
    minutes: int
    tasks_zh: tuple[str, ...] = ()
    tasks_en: tuple[str, ...] = ()
    active: bool = True
    version: int = 1


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The price that a provider asks for a unit of a service, fen, since a day."""

    service: str
    organisation_id: int
    organisation: str
    kind: str
    provider_zh: str
    provider_en: str
    path: str
    price_fen: int
    valid_from: dt.date


def services(conn: Connection[Any], *, active: bool = False) -> list[CareService]:
    """The services in the order of their codes; ``active``: only those that can be planned."""
    with conn.cursor(row_factory=class_row(CareService)) as cursor:
        return cursor.execute(
            "SELECT code, work, name_zh, name_en, unit, minutes, tasks_zh, tasks_en, active, version FROM care_service"
            " WHERE active OR NOT %s ORDER BY code",
            (active,),
        ).fetchall()


def service(conn: Connection[Any], code: str) -> CareService:
    """One of them. Raises NotFoundError."""
    found = next((one for one in services(conn) if one.code == code), None)
    if found is None:
        raise NotFoundError(en=f"there is no service {code!r}", zh=f"没有服务项目 {code}", field="service")
    return found


_OFFERS = """
    SELECT * FROM (
        SELECT DISTINCT ON (p.service, p.organisation_id) p.service, p.organisation_id, o.code AS organisation, o.kind,
               o.name_zh AS provider_zh, o.name_en AS provider_en, a.path::text AS path, p.price_fen, p.valid_from
        FROM service_price p JOIN organisation o ON o.id = p.organisation_id JOIN area a ON a.id = o.area_id
        WHERE p.valid_from <= %(on)s AND o.active AND (%(service)s::text IS NULL OR p.service = %(service)s)
        ORDER BY p.service, p.organisation_id, p.valid_from DESC, p.id DESC
    ) AS newest WHERE price_fen IS NOT NULL ORDER BY service, price_fen, organisation
"""


def offers(conn: Connection[Any], on: dt.date, service: str | None = None) -> list[Offer]:
    """The offers of a day: of each provider the newest price that is in force."""
    with conn.cursor(row_factory=class_row(Offer)) as cursor:
        return cursor.execute(_OFFERS, {"on": on, "service": service}).fetchall()


class Prices:
    """The prices of all providers up to a day, read once for many orders."""

    def __init__(self, conn: Connection[Any], until: dt.date) -> None:
        self._of: dict[tuple[str, int], list[tuple[dt.date, int | None]]] = {}
        rows = conn.execute(
            "SELECT p.service, p.organisation_id, p.valid_from, p.price_fen FROM service_price p"
            " JOIN organisation o ON o.id = p.organisation_id WHERE p.valid_from <= %s AND o.active"
            " ORDER BY p.valid_from DESC, p.id DESC",
            (until,),
        )
        for service, organisation_id, valid_from, price_fen in rows:
            self._of.setdefault((service, organisation_id), []).append((valid_from, price_fen))

    def on(self, service: str, organisation_id: int, day: dt.date) -> int | None:
        """The price of a unit on a day, in fen; None: the provider does not offer the service then."""
        newest_first = self._of.get((service, organisation_id), ())
        return next((price for valid_from, price in newest_first if valid_from <= day), None)


def offer_of(conn: Connection[Any], service: str, organisation_id: int, on: dt.date) -> Offer:
    """The offer of a provider on a day. Raises ProvisioningError where it has none."""
    found = next((one for one in offers(conn, on, service) if one.organisation_id == organisation_id), None)
    if found is None:
        raise ProvisioningError(
            en="this provider does not offer the service on that day: choose another, or set its price",
            zh="该机构在当日不提供此服务，请另选机构，或先设定价格",
            field="organisation",
        )
    return found


def serves(offer: Offer, path: str) -> bool:
    """Whether a provider serves a home in the area ``path``: its own area is around it. Pure."""
    return path == offer.path or path.startswith(offer.path + ".")


def amount(unit: str, price_fen: int, minutes: int) -> int:
    """The cost of so many minutes, in fen, rounded half up. Pure."""
    return price_fen if unit == "visit" else (price_fen * minutes * 2 + 60) // 120


def add_service(conn: Connection[Any], acting: Acting, new: CareService) -> None:
    """Add a service to the catalogue. Raises ProvisioningError with the field, ExistsError for a code that is taken."""
    _require_district(conn, acting)
    _check(new)
    with conn.transaction():
        added = conn.execute(
            "INSERT INTO care_service (code, work, name_zh, name_en, unit, minutes, tasks_zh, tasks_en)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (new.code, new.work, new.name_zh, new.name_en, new.unit, new.minutes, list(new.tasks_zh),
             list(new.tasks_en)),
        )  # fmt: skip
        if not added.rowcount:
            raise ExistsError(en=f"the code {new.code!r} is taken", zh=f"编号 {new.code} 已被占用", field="code")
        acting.audit(conn, "add_care_service", service=new.code)


def change_service(conn: Connection[Any], acting: Acting, new: CareService) -> None:
    """Change a service; ``new.version`` is the version that the author saw. Raises ChangedMeanwhileError."""
    _require_district(conn, acting)
    _check(new)
    with conn.transaction():
        before = service(conn, new.code)
        changed = conn.execute(
            "UPDATE care_service SET work = %s, name_zh = %s, name_en = %s, unit = %s, minutes = %s, tasks_zh = %s,"
            " tasks_en = %s, active = %s, version = version + 1 WHERE code = %s AND version = %s",
            (new.work, new.name_zh, new.name_en, new.unit, new.minutes, list(new.tasks_zh), list(new.tasks_en),
             new.active, new.code, new.version),
        )  # fmt: skip
        if not changed.rowcount:
            raise ChangedMeanwhileError(
                en="somebody else changed this service meanwhile: look at theirs, then decide anew",
                zh="他人刚刚修改了该服务项目，请先查看再决定",
            )
        differing = {
            name: [getattr(before, name), getattr(new, name)]
            for name in ("work", "name_zh", "name_en", "unit", "minutes", "active")
            if getattr(before, name) != getattr(new, name)
        }
        acting.audit(conn, "change_care_service", service=new.code, changed=differing)


def _require_district(conn: Connection[Any], acting: Acting) -> None:
    acting.require(Action.SETTLE_SERVICES)
    if not covers_every_home(conn, acting.account):
        raise NotPermittedError(
            en="the catalogue is the whole district's: an account of the district changes it",
            zh="服务目录由全区共用，只有区级账号可以修改",
        )


def set_price(
    conn: Connection[Any],
    acting: Acting,
    code: str,
    organisation: str,
    valid_from: dt.date,
    price_fen: int | None,
) -> None:
    """Set what a provider asks for a unit from a day on, today or later; None: it no longer offers the service.

    Orders that are made keep the price that they were made with. Raises ProvisioningError with the field.
    """
    acting.require(Action.SETTLE_SERVICES)
    chosen = service(conn, code)
    row = conn.execute(
        "SELECT o.id, o.kind, a.path::text FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.code = %s AND o.active",
        (organisation,),
    ).fetchone()
    if row is None or not in_area(acting.account, row[2]):
        raise NotFoundError(
            en="there is no such organisation in your area", zh="您的管辖区域内没有该机构", field="organisation"
        )
    if row[1] not in PROVIDERS:
        raise ProvisioningError(
            en="an organisation of this kind offers no services at home", zh="该类机构不提供上门服务",
            field="organisation",
        )  # fmt: skip
    if valid_from < acting.today:
        raise ProvisioningError(
            en="a price does not work backwards: choose today or a later day", zh="价格不溯及既往，请选择今天或以后",
            field="valid_from",
        )  # fmt: skip
    if price_fen is not None and not 0 <= price_fen <= 10_000_000:
        raise ProvisioningError(en="at most 100,000 yuan", zh="不超过 10 万元", field="price")
    with conn.transaction():
        conn.execute(
            "INSERT INTO service_price (service, organisation_id, valid_from, price_fen, account_id, actor, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (chosen.code, row[0], valid_from, price_fen, acting.account.id, acting.account.name_zh, acting.at),
        )
        acting.audit(
            conn, "set_service_price", service=code, organisation=organisation, price_fen=price_fen,
            valid_from=str(valid_from),
        )  # fmt: skip


def _check(new: CareService) -> None:
    if not _CODE.fullmatch(new.code):
        raise ProvisioningError(
            en="write the code in small letters, digits and _, such as bath_bed",
            zh="编号请用小写字母、数字和下划线，例如 bath_bed", field="code",
        )  # fmt: skip
    if new.work not in SERVICES:
        raise ProvisioningError(en="choose the kind of work", zh="请选择服务类别", field="work")
    for name, text in (("name_zh", new.name_zh), ("name_en", new.name_en)):
        if not 0 < len(text.strip()) <= 60:
            raise ProvisioningError(
                en="write a name of at most 60 characters", zh="请填写名称，不超过 60 字", field=name
            )
    if new.unit not in UNITS:
        raise ProvisioningError(en="by visit or by hour", zh="请选择按次或按小时", field="unit")
    if not 5 <= new.minutes <= 600:
        raise ProvisioningError(en="between 5 and 600 minutes", zh="时长应在 5 至 600 分钟之间", field="minutes")
    if len(new.tasks_zh) != len(new.tasks_en) or len(new.tasks_zh) > MOST_TASKS:
        raise ProvisioningError(
            en=f"write the same tasks in both languages, a line each, at most {MOST_TASKS}",
            zh=f"服务内容请中英文逐行对应，最多 {MOST_TASKS} 项", field="tasks_zh",
        )  # fmt: skip
