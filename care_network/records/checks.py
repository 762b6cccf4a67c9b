"""The rules of each kind of record.

Each function checks a parsed record: it raises ProvisioningError, with the field, where a rule is broken, and returns
the columns to store and the path of the area whose staff may change it.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from care_network.catalogues.workforce import CERTIFICATES, LANGUAGES, SKILLS, Term
from care_network.duty.roster import KIND_WORDS
from care_network.errors import NotFoundError, ProvisioningError
from care_network.records import staff_records as people
from care_network.records.lookup import Lookup
from care_network.records.records import (
    NewArea,
    NewDevice,
    NewGateway,
    NewHousehold,
    NewOrganisation,
    NewResident,
    Record,
)
from firmware_profiles.devices import MODELS, NOT_AT_THE_WRIST

LEVELS = ("city", "district", "street", "community", "compound")
LEVEL_ZH = {"city": "市", "district": "区", "street": "街道", "community": "社区", "compound": "小区"}
ORGANISATION_LEVELS: Mapping[str, frozenset[str]] = {
    "district_center": frozenset({"district"}),
    "street_elder_center": frozenset({"street"}),
    "community_station": frozenset({"community"}),
    "compound_point": frozenset({"compound"}),
    "home_care_bed_team": frozenset({"district", "street", "community"}),
    **dict.fromkeys(("medical_partner", "service_provider", "canteen", "volunteer_group"), frozenset(LEVELS[:4])),
}
"""Levels of area for each kind of organisation: 区级综合基地, 街道长者服务中心, 社区长者服务站, 小区长者服务点."""


class CheckedRecord(msgspec.Struct, frozen=True):
    """A record that keeps the rules, ready to be stored."""

    columns: dict[str, Any]
    path: str
    """The area whose staff may change it."""
    resident_id: int | None = None
    """For the audit of records about a resident."""


def area(look: Lookup, new: NewArea) -> CheckedRecord:
    parent, _, _ = new.path.rpartition(".")
    if bool(parent) == (new.level == "city"):
        raise ProvisioningError(
            en=f"area {new.path}: a city is the top of its path, every other area has one above it",
            zh=f"区域 {new.path}：只有市在路径顶端，其他区域都要有上级",
            field="level",
        )
    if parent:
        above = look.find("area", parent)
        if above is None:
            raise NotFoundError(
                en=f"area {new.path}: add the area above it first: {parent}",
                zh=f"区域 {new.path}：请先添加上级区域 {parent}",
                field="path",
            )
        if LEVELS.index(above.sort) + 1 != LEVELS.index(new.level):
            raise ProvisioningError(
                en=f"area {new.path}: a {new.level} does not lie directly below a {above.sort}",
                zh=f"区域 {new.path}：{LEVEL_ZH[new.level]}不能直接位于{LEVEL_ZH[above.sort]}之下",
                field="level",
            )
    _place(new, f"area {new.path}")
    return CheckedRecord(msgspec.structs.asdict(new), new.path)


def organisation(look: Lookup, new: NewOrganisation) -> CheckedRecord:
    where = look.need("area", new.area)
    levels = ORGANISATION_LEVELS[new.kind]
    if where.sort not in levels:
        fits = [level for level in LEVELS if level in levels]
        zh, en = KIND_WORDS[new.kind]
        levels_zh = "、".join(LEVEL_ZH[one] for one in fits)
        raise ProvisioningError(
            en=f"organisation {new.code}: a {en} stands at the level {', '.join(fits)}; {new.area} is a {where.sort}",
            zh=f"机构 {new.code}：{zh}应设在{levels_zh}一级，而所选区域是{LEVEL_ZH[where.sort]}",
            field="area",
        )
    _place(new, f"organisation {new.code}")
    return CheckedRecord(_columns(new, area=("area_id", where.id)), where.path)


def household(look: Lookup, new: NewHousehold) -> CheckedRecord:
    where = look.need("area", new.area)
    if where.sort != "compound":
        raise ProvisioningError(
            en=f"household {new.code}: {new.area} is a {where.sort}; a household lies in a compound",
            zh=f"住户 {new.code}：{new.area} 是 {where.sort}，住户应位于小区",
            field="area",
        )
    _place(new, f"household {new.code}")
    return CheckedRecord(_columns(new, area=("area_id", where.id)), where.path)


def resident(look: Lookup, new: NewResident) -> CheckedRecord:
    if not dt.date(look.today.year - 125, 1, 1) < new.birth_date <= look.today:
        raise ProvisioningError(
            en=f"resident {new.code}: nobody alive was born on {new.birth_date}",
            zh=f"老人 {new.code}：出生日期 {new.birth_date} 不可能",
            field="birth_date",
        )
    _known(new.languages, LANGUAGES, "languages", "语言")
    if new.preferred_language is not None:
        _known([new.preferred_language], LANGUAGES, "preferred_language", "常用语言")
    home = look.need("household", new.household)
    known = look.find("resident", new.code)
    if known is not None and known.household_id != home.id:
        worn = look.conn.execute(
            "SELECT g.name || '/' || d.name FROM device d JOIN gateway g ON g.id = d.gateway_id"
            " WHERE d.resident_id = %s AND g.household_id <> %s AND d.retired_at IS NULL ORDER BY 1 LIMIT 1",
            (known.id, home.id),
        ).fetchone()
        if worn is not None:
            raise ProvisioningError(
                en=f"resident {new.code}: moves to {new.household} but wears {worn[0]}; give the device back first",
                zh=f"老人 {new.code} 迁往 {new.household}，但仍佩戴设备 {worn[0]}，请先解除设备",
                field="household",
            )
    if known is not None:
        _bed_as_it_stands(look, known.id, new)
    columns = _columns(new, household=("household_id", home.id)) | {"languages": list(dict.fromkeys(new.languages))}
    return CheckedRecord(columns, home.path, None if known is None else known.id)


def _bed_as_it_stands(look: Lookup, resident_id: int, new: NewResident) -> None:
    """Refuse a home care bed that is otherwise than its application; without any application the record says it."""
    row = look.conn.execute(
        "SELECT bool_or(state IN ('in_service', 'suspended')) FROM home_bed WHERE resident_id = %s", (resident_id,)
    ).fetchone()
    if row is not None and row[0] is not None and row[0] != new.home_care_bed:
        raise ProvisioningError(
            en=f"resident {new.code}: the home care bed follows from its application; work on it under Care services",
            zh=f"老人 {new.code}：是否有家庭养老床位由床位办理决定，请在“养老服务”中办理",
            field="home_care_bed",
        )


def gateway(look: Lookup, new: NewGateway) -> CheckedRecord:
    home = look.need("household", new.household)
    known = look.find("gateway", new.name)
    if known is not None and known.household_id != home.id:
        # Its devices' readings belong to the people of the household in which they were measured.
        raise ProvisioningError(
            en=f"gateway {new.name} stands in another household; remove it there, or register a new gateway",
            zh=f"网关 {new.name} 已安装在另一户，请先在原住户移除，或登记新网关",
            field="household",
        )
    return CheckedRecord(_columns(new, household=("household_id", home.id)), home.path)


def device(look: Lookup, new: NewDevice) -> CheckedRecord:
    what = f"device {new.gateway}/{new.name}"
    if new.model not in MODELS:
        raise ProvisioningError(
            en=f"{what}: there is no model {new.model!r}; known: {', '.join(sorted(MODELS))}",
            zh=f"设备 {new.gateway}/{new.name}：没有型号 {new.model}；可用型号：{'、'.join(sorted(MODELS))}",
            field="model",
        )
    if MODELS[new.model].falls_refused(new.room):
        en, zh = NOT_AT_THE_WRIST
        raise ProvisioningError(en=f"{what}: {en}", zh=f"设备 {new.gateway}/{new.name}：{zh}", field="room")
    gateway = look.need("gateway", new.gateway)
    wearer = None if new.resident is None else look.need("resident", new.resident)
    if wearer is not None and wearer.household_id != gateway.household_id:
        raise ProvisioningError(
            en=f"{what}: {new.resident} lives in another household than the gateway's",
            zh=f"设备 {new.gateway}/{new.name}：{new.resident} 不住在网关所在的住户",
            field="resident",
        )
    wearer_id = None if wearer is None else wearer.id
    columns = _columns(new, gateway=("gateway_id", gateway.id), resident=("resident_id", wearer_id))
    return CheckedRecord(columns, gateway.path, wearer_id)


def contact(look: Lookup, new: people.NewContact) -> CheckedRecord:
    whose = look.need("resident", new.resident)
    login = _account(look, new.login, family=True)
    return CheckedRecord(
        _columns(new, resident=("resident_id", whose.id), login=("account_id", login)), whose.path, whose.id
    )


def staff(look: Lookup, new: people.NewStaff) -> CheckedRecord:
    where = look.need("organisation", new.organisation)
    _known(new.skills, SKILLS, "skills", "技能")
    _known(new.languages, LANGUAGES, "languages", "语言")
    login = _account(look, new.login, family=False)
    columns = _columns(new, organisation=("organisation_id", where.id), login=("account_id", login))
    for field in ("skills", "languages"):
        columns[field] = list(dict.fromkeys(columns[field]))
    return CheckedRecord(columns, where.path)


def certificate(look: Lookup, new: people.NewCertificate) -> CheckedRecord:
    whose = look.need("staff", new.staff)
    _known([new.kind], CERTIFICATES, "kind", "证书种类")
    if new.issued_on and new.expires_on and new.issued_on > new.expires_on:
        raise ProvisioningError(
            en=f"certificate {new.kind} of {new.staff}: it ends on {new.expires_on}, before it was issued",
            zh=f"{new.staff} 的证书 {new.kind}：失效日期 {new.expires_on} 早于发证日期",
            field="expires_on",
        )
    return CheckedRecord(_columns(new, staff=("staff_id", whose.id)), whose.path)


def shift(look: Lookup, new: people.NewShift) -> CheckedRecord:
    where = look.need("organisation", new.organisation)
    if new.starts.tzinfo or new.ends.tzinfo:
        raise ProvisioningError(
            en=f"shift {new.code}: a shift is by the clock in Asia/Shanghai; write 08:00 without a zone",
            zh=f"班次 {new.code}：按北京时间填写，如 08:00，不带时区",
            field="starts",
        )
    return CheckedRecord(_columns(new, organisation=("organisation_id", where.id)), where.path)


def roster(look: Lookup, new: people.NewRosterEntry) -> CheckedRecord:
    who = look.need("staff", new.staff)
    organisation = look.need("organisation", new.organisation)
    worked = look.need("shift", f"{new.organisation}/{new.shift}")
    if new.valid_until and new.valid_until < new.valid_from:
        raise ProvisioningError(
            en=f"roster of {new.staff}: it ends on {new.valid_until}, before it begins",
            zh=f"{new.staff} 的排班：结束日期 {new.valid_until} 早于开始日期",
            field="valid_until",
        )
    columns = {
        "staff_id": who.id,
        "shift_id": worked.id,
        "weekdays": sorted(set(new.weekdays)),
        "valid_from": new.valid_from,
        "valid_until": new.valid_until,
    }
    return CheckedRecord(columns, organisation.path)


def exception(look: Lookup, new: people.NewException) -> CheckedRecord:
    who = look.need("staff", new.staff)
    if (new.kind == "extra") != (new.organisation is not None):
        raise ProvisioningError(
            en=f"exception of {new.staff}: an extra duty names its organisation, an absence names none",
            zh=f"{new.staff} 的例外：加班须注明机构，请假不填机构",
            field="organisation",
        )
    if new.ends_at <= new.starts_at:
        raise ProvisioningError(
            en=f"exception of {new.staff}: it ends before it begins",
            zh=f"{new.staff} 的例外：结束时间早于开始时间",
            field="ends_at",
        )
    where = None if new.organisation is None else look.need("organisation", new.organisation)
    columns = _columns(
        new, staff=("staff_id", who.id), organisation=("organisation_id", None if where is None else where.id)
    )
    return CheckedRecord(columns, who.path if where is None else where.path)


def _columns(new: Record, **refs: tuple[str, int | None]) -> dict[str, Any]:
    """Turn a record's fields into columns; a field that refers to another record becomes the column of its id."""
    fields = msgspec.structs.asdict(new)
    return {refs[name][0]: refs[name][1] for name in refs} | {k: v for k, v in fields.items() if k not in refs}


def _place(new: NewArea | NewOrganisation | NewHousehold, what: str) -> None:
    if (new.longitude is None) != (new.latitude is None):
        raise ProvisioningError(
            en=f"{what}: give longitude and latitude, or neither", zh="经度和纬度须同时填写或都不填", field="longitude"
        )


def _known(codes: Iterable[str], terms: Mapping[str, Term], field: str, zh: str) -> None:
    for code in codes:
        if code not in terms:
            raise ProvisioningError(
                en=f"{field}: there is no {code!r}; known: {', '.join(terms)}",
                zh=f"{zh}：没有 {code}；可用：{'、'.join(f'{code} {term.zh}' for code, term in terms.items())}",
                field=field,
            )


def _account(look: Lookup, login: str | None, *, family: bool) -> int | None:
    if login is None:
        return None
    found = look.need("account", login, "login")
    if (found.sort == "family") != family:
        wanted = ("a family account", "家属账号") if family else ("an account of staff", "工作人员账号")
        raise ProvisioningError(en=f"login {login!r} is not {wanted[0]}", zh=f"{login} 不是{wanted[1]}", field="login")
    return found.id
