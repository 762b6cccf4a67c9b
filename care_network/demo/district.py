"""Load the demonstration district: Yantian's streets, fictional residents, the given homes, and logins to try."""

import datetime as dt
import functools
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import msgspec
import structlog
from psycopg import Connection

from care_network.access import passwords
from care_network.demo import staff
from care_network.demo.machines import add_machine
from care_network.demo.outlines import add_outlines
from care_network.demo.people import FictionalPerson, people_of, surname_of
from care_network.demo.places import AREAS, COMPOUNDS, DISTRICT, ORGANISATIONS
from care_network.errors import ProvisioningError
from care_network.medical.keyring import KeyRing
from care_network.records import provisioning
from care_network.records.records import (
    NewAccount,
    NewDevice,
    NewFamilyMember,
    NewGateway,
    NewHousehold,
    NewLimit,
    NewResident,
)
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig
from vocabulary.times import local_day

log = structlog.get_logger(__name__)

DEMO_PASSWORD = "shouwang-demo"  # noqa: S105 - printed on purpose; load_demo refuses a database that others use
FAMILIES = 3
"""Number of homes, the first ones, that have a family login."""
FAMILY_LOGIN = "family-"
StaffRole = Literal["admin", "dispatcher", "lead", "manager", "station", "carer", "auditor", "provider"]


class DemoHome(Protocol):
    """A simulated home, as far as the demonstration needs it."""

    @property
    def gateway(self) -> str: ...

    @property
    def devices(self) -> Sequence[DeviceConfig]: ...


class DemoLogin(msgspec.Struct, frozen=True):
    """A login to show to the person who tries the demonstration."""

    role: str
    login: str
    password: str
    note: str


class DemoDistrict(msgspec.Struct, frozen=True):
    """A summary of the loaded district."""

    logins: tuple[DemoLogin, ...]
    residents: int
    gateways: int


def load_demo(
    conn: Connection[Any],
    homes: Sequence[DemoHome],
    *,
    password: str = DEMO_PASSWORD,
    now: dt.datetime | None = None,
    ring: KeyRing | None = None,
) -> DemoDistrict:
    """Add the missing records of the district, with ``homes`` in the order of their numbers; safe to repeat.

    One transaction; changes made by people since the last start stay. ``now``: time of the residents' consents to
    their families (default: the present). ``ring``: the keys of the medical notes; None: no notes. Raises
    ProvisioningError where the database has accounts that are not the demonstration's: logins with a public password
    do not belong there.
    """
    now = now or dt.datetime.now(dt.UTC)
    accounts, notes = _accounts(homes, password)
    with conn.transaction():
        _refuse_real_data(conn, {account.login for account in accounts})
        for area in AREAS:
            provisioning.add_area(conn, area, exist_ok=True)
        for organisation in ORGANISATIONS:
            provisioning.add_organisation(conn, organisation, exist_ok=True)
        residents = 0
        known = {row[0]: row[1] for row in conn.execute(_KNOWN_HOMES)}
        for number, home in enumerate(homes, start=1):
            people = people_of(number)
            residents += len(people)
            names = {device.name for device in home.devices} | {provisioning.GATEWAY_DEVICE}
            if known.get(home.gateway) != len(names):
                _add_home(conn, number, home, people, now)
        hash_once = functools.cache(passwords.hash_password)  # all have one public password: 0.2 s of a core for each
        for account in accounts:
            provisioning.add_account(conn, account, exist_ok=True, hashing=hash_once)
        for number in range(1, min(FAMILIES, len(homes)) + 1):
            for person in people_of(number):
                provisioning.add_family_member(
                    conn, NewFamilyMember(_family_login(number), person.code, "女儿", "daughter", now)
                )
        add_outlines(conn, now)
        staff.add_staff(conn, local_day(now))
        everybody = {number: people_of(number) for number in range(1, len(homes) + 1)}
        staff.add_contacts(conn, everybody, {n: _family_login(n) for n in range(1, FAMILIES + 1)}, now)
        add_machine(conn, DISTRICT, now)
        if ring is not None:
            staff.add_notes(conn, ring, everybody, now)
    log.info("demonstration district loaded", homes=len(homes), residents=residents)
    logins = (
        DemoLogin(account.role, account.login, password, note) for account, note in zip(accounts, notes, strict=True)
    )
    return DemoDistrict(tuple(logins), residents, len(homes))


_LANGUAGES = (("cmn", "yue"), ("cmn",), ("hak", "cmn"), ("yue",))
"""Languages of the homes, in turn."""
_WAYS_IN = (
    "单元门按 {flat} 呼叫，保安可代开", "东门进，单元门密码问保安", "", "门铃坏，请敲门并打电话", "地下车库电梯可直达",
)  # fmt: skip
"""Of the homes, in turn; of some nobody has noted it."""
_KNOWN_HOMES = """
    SELECT g.name, count(d.id) FROM gateway g LEFT JOIN device d ON d.gateway_id = g.id GROUP BY g.name
"""


def _refuse_real_data(conn: Connection[Any], logins: set[str]) -> None:
    row = conn.execute(
        "SELECT login FROM account WHERE login <> ALL (%s) AND login NOT LIKE %s AND role <> 'machine' LIMIT 1",
        (sorted(logins), f"{FAMILY_LOGIN}%"),
    ).fetchone()
    if row is not None:
        raise ProvisioningError(
            en=f"this database has the account {row[0]!r}, which is not the demonstration's: it is in real use."
            " Give the demonstration a database of its own",
            zh=f"此数据库中有演示以外的账号 {row[0]}，说明正在实际使用。请为演示另建数据库",
        )


def home_place(number: int) -> tuple[float, float]:
    """Place a home, in degrees: some metres from its neighbours, so that a map shows each.

    Compounds are filled round and round: the turn differs from home to home of one, where the number would not.
    """
    turn, at = divmod(number - 1, len(COMPOUNDS))
    area = COMPOUNDS[at].area
    return (
        round((area.longitude or 0) + (turn * 7 % 9 - 4) * 0.0002, 6),
        round((area.latitude or 0) + (turn * 3 % 7 - 3) * 0.0002, 6),
    )


def _add_home(
    conn: Connection[Any], number: int, home: DemoHome, people: list[FictionalPerson], now: dt.datetime
) -> None:
    compound = COMPOUNDS[(number - 1) % len(COMPOUNDS)]
    code = f"H{number:04d}"
    longitude, latitude = home_place(number)
    building, floor, flat = 1 + number % 8, 2 + number * 3 % 24, 1 + number % 4
    provisioning.add_household(
        conn,
        NewHousehold(
            code=code,
            area=compound.area.path,
            address_zh=f"{compound.street_zh}{10 + number}号{compound.area.name_zh}{building}栋{floor}{flat:02d}",
            address_en=f"{floor}{flat:02d}/{building}, {compound.area.name_en}, {10 + number} {compound.street_en}",
            # No subscriber's number begins with 0: nobody is called by mistake.
            phone=f"0755-0000{number % 10000:04d}",
            longitude=longitude,
            latitude=latitude,
            floor=floor,
            # Old houses of seven floors have none; of some nobody has noted it.
            has_lift=True if floor > 7 else None if number % 5 == 0 else number % 2 == 0,
            way_in=_WAYS_IN[number % len(_WAYS_IN)].format(flat=f"{floor}{flat:02d}"),
            # Where a responder needs to get in, a safe hangs at the door; its code stands in the medical note.
            key_safe=True if people[0].home_care_bed else None if number % 7 == 3 else False,
        ),
        exist_ok=True,
    )
    for person in people:
        new = NewResident(
            code=person.code,
            household=code,
            name_zh=person.name_zh,
            name_en=person.name_en,
            sex=person.sex,
            birth_date=person.birth_date,
            home_care_bed=person.home_care_bed,
            spo2_scale=person.spo2_scale,
            languages=_LANGUAGES[number % len(_LANGUAGES)],
            ability_grade=person.ability_grade,
            lives_alone=False if len(people) > 1 or number % 6 == 0 else None if number % 11 == 0 else True,
            preferred_language=None if number % 13 == 0 else _LANGUAGES[number % len(_LANGUAGES)][0],
        )
        provisioning.add_resident(conn, new, local_day(now), exist_ok=True)
    if number % 9 == 4:
        # An old athlete: a resting pulse that would be an alarm in others.
        limit = NewLimit(people[0].code, "heart_rate", "demo", low=42.0, high=125.0)
        provisioning.set_limit(conn, limit, now)
    provisioning.add_gateway(conn, NewGateway(home.gateway, code), exist_ok=True)
    for device in home.devices:
        # In a couple's home the first one wears and is measured; what stands in a room watches both.
        model = MODELS.get(device.model)
        wearer = people[0].code if model is not None and (model.wearable or model.transport == "ble-gatt") else None
        new_device = NewDevice(home.gateway, device.name, device.model, device.room, wearer)
        provisioning.add_device(conn, new_device, exist_ok=True)


_STAFF_LOGINS: tuple[tuple[str, str, str, StaffRole, str | None, str], ...] = (
    # login, Chinese name, English name, role, area, note
    ("dispatcher", "调度员 周敏", "Zhou Min", "dispatcher", DISTRICT, "区值班台 district dispatch desk"),
    ("dispatcher-night", "调度员 何斌", "He Bin", "dispatcher", DISTRICT, "接班的调度员 takes over the desk"),
    ("lead", "值班长 梁静", "Liang Jing", "lead", DISTRICT, "值班长 lead of the dispatch desk"),
    ("manager-haishan", "主任 罗文", "Luo Wen", "manager", f"{DISTRICT}.haishan",
     "海山街道中心负责人 manager of the center"),
    ("station-haishan", "海山街道长者服务中心", "Haishan Street Elder Center", "station", f"{DISTRICT}.haishan",
     "街道中心 street elder center"),
    ("station-donghe", "东和社区长者服务站", "Donghe Community Station", "station", f"{DISTRICT}.shatoujiao.donghe",
     "社区站 community station"),
    ("carer", "护理员 许晴", "Xu Qing", "carer", f"{DISTRICT}.shatoujiao", "沙头角街道 Shatoujiao Street"),
    ("carer-haishan", "护理员 冯磊", "Feng Lei", "carer", f"{DISTRICT}.haishan", "海山街道 Haishan Street"),
    ("provider", "安和居家 罗秀英", "Luo Xiuying", "provider", None, "服务机构人员 people of a service provider"),
    ("canteen", "沙头角食堂 温秀琴", "Wen Xiuqin", "provider", None, "长者食堂人员 people of a canteen"),
    ("admin", "管理员", "Administrator", "admin", DISTRICT, "设备与账号 devices and accounts"),
    ("auditor", "审计员", "Auditor", "auditor", DISTRICT, "审计记录 the audit"),
)  # fmt: skip


def _accounts(homes: Sequence[DemoHome], password: str) -> tuple[list[NewAccount], list[str]]:
    """The accounts, and a note on each for the person who tries the demonstration."""
    accounts = [
        NewAccount(login=login, password=password, name_zh=zh, name_en=en, role=role, area=area)
        for login, zh, en, role, area, _ in _STAFF_LOGINS
    ]
    notes = [row[-1] for row in _STAFF_LOGINS]
    for number in range(1, min(FAMILIES, len(homes)) + 1):
        person = people_of(number)[0]
        surname_zh, surname_en = surname_of(person)
        accounts.append(
            NewAccount(
                login=_family_login(number),
                password=password,
                name_zh=f"{surname_zh}女士",
                name_en=f"Ms {surname_en}",
                role="family",
            )
        )
        notes.append(f"{person.name_zh}的女儿 daughter of {person.name_en}")
    return accounts, notes


def _family_login(number: int) -> str:
    return f"{FAMILY_LOGIN}{number:04d}"
