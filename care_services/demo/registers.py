"""The demonstration's registers and reports: identity numbers, a low-income list with conflicts, packages and a log.

It needs the key files, and so stands beside :mod:`care_services.demo.fill`: ``shouwang demo`` calls both.
"""

import csv
import datetime as dt
import hashlib
import io
from collections.abc import Iterable, Sequence
from typing import Any

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection
from psycopg.rows import dict_row

from care_network.access.accounts import Account, account_by_id
from care_network.identity import vault
from care_network.identity.numbers import Document, Identity, check_character
from care_network.importing.tables import parse
from care_network.medical.keyring import KeyRing
from care_services.registers import collecting, deciding, leaving, pulling, store
from care_services.registers.collecting import Reading
from care_services.reporting import making, receivers, schedules
from care_services.reporting.packages import counter_sign
from care_services.reporting.receivers import ReceiverFields
from database.rights.checkpoints import public_of
from vocabulary.times import SHANGHAI

ORIGIN = "demo"
PLACES = ("440308", "440303", "440305", "431224", "450921", "360781", "441521", "420984")
"""Where people of the district were born: Yantian, Shenzhen's other districts, and elsewhere."""
NOWHERE = "http://127.0.0.1:9/packages"
"""An address of this machine at which nobody answers: the demonstration sends nothing anywhere."""
HEADINGS = ("姓名", "公民身份号码", "性别", "联系电话", "现住址", "认定日期", "救助类别")


def fill(conn: Connection[Any], now: dt.datetime, ring: KeyRing, key: Ed25519PrivateKey) -> None:
    """Add what is missing. ``key``: the district's, which signs packages."""
    row = conn.execute(
        "SELECT id FROM account WHERE role = 'admin' AND active ORDER BY nlevel(area_path), id LIMIT 1"
    ).fetchone()
    admin = account_by_id(conn, row[0]) if row else None
    if admin is None or admin.area_path is None:
        return
    with conn.transaction():
        people = _people(conn, admin.area_path)
        _numbers(conn, ring, people, now)
        if people and not store.imports(conn, admin.area_path, limit=1):
            _registers(conn, admin, ring, people, now)
        if people and not receivers.listing(conn, admin):
            _reports(conn, admin, ring, key, now)


def _people(conn: Connection[Any], area: str) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT r.id, r.code, r.name_zh, r.sex, r.birth_date, h.phone, h.address_zh,
                   d.resident_id IS NOT NULL AS held
            FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
            JOIN area a ON a.id = h.area_id AND a.path <@ %s::text::ltree
            LEFT JOIN identity_document d ON d.resident_id = r.id ORDER BY r.code
            """,
            (area,),
        ).fetchall()


def number_of(person: dict[str, Any]) -> str:
    """A number that fits the person, made up and always the same."""
    seed = int.from_bytes(hashlib.sha256(person["code"].encode()).digest()[:6])
    sequence = (seed // 8 % 499) * 2 + (1 if person["sex"] == "male" else 0)
    first = f"{PLACES[seed % len(PLACES)]}{person['birth_date']:%Y%m%d}{sequence:03}"
    return first + check_character(first)


def _numbers(conn: Connection[Any], ring: KeyRing, people: list[dict[str, Any]], now: dt.datetime) -> None:
    """Three of four residents have their number recorded; two who would share one are left out."""
    wanted: dict[str, int] = {}
    for place, person in enumerate(people):
        if place % 4 != 3 and not person["held"]:
            wanted.setdefault(number_of(person), person["id"])
    fresh = {resident: Identity(Document.ID_CARD, number) for number, resident in wanted.items()}
    there = vault.find(conn, ring, fresh.values())
    taken = set(there.values())
    if not taken:
        vault.store(conn, ring, fresh, None, now)


def _registers(
    conn: Connection[Any], admin: Account, ring: KeyRing, people: list[dict[str, Any]], now: dt.datetime
) -> None:
    """A low-income list with additions, conflicts, somebody new, somebody to be found, and lines that are wrong."""
    sexes, lines = {"male": "男", "female": "女"}, [HEADINGS]
    for place, one in enumerate(people[:24]):
        number, phone, address = number_of(one), one["phone"], one["address_zh"]
        name = one["name_zh"]
        if place % 6 == 1:
            phone = f"1380000{place:04}"
        if place % 8 == 2:
            name = f"{name[:1]}{name[-1:]}{name[-1:]}"
        if place % 7 == 3:
            number = ""
        if place % 11 == 5:
            number = number[:-1] + ("0" if number[-1] != "0" else "1")
        lines.append((name, number, sexes[one["sex"]], phone, address, f"2024-0{1 + place % 9}-01", "低保"))
    new = "44030819510817002"
    new += check_character(new)
    lines.append(("林秀琼", new, "女", "13800009999", "盐田区海山街道", "2025-06-01", "低收入"))
    lines.append(("不详", new[:-2], "女", "", "", "", "低保"))
    table = parse("低保名册-演示.csv", _csv(lines))
    taken_on = (now - dt.timedelta(days=9)).astimezone(SHANGHAI).date()
    reading = Reading(register="low_income", area=admin.area_path or "", taken_on=taken_on, complete=True)
    taken = collecting.take_in(conn, admin, ring, table, reading, at=now - dt.timedelta(days=8), origin=ORIGIN)
    conflicts = store.lines(conn, taken.id, verdict="conflict", only_open=True, limit=2)
    for line in conflicts[:1]:
        told = store.differences(conn, [line.id]).get(line.id, [])
        choices = {one.field: "ours" if one.kind == "conflict" else "theirs" for one in told}
        deciding.decide(conn, admin, line.id, line.version, choices, "已电话核实", at=now - dt.timedelta(days=7),
                        origin=ORIGIN)  # fmt: skip
    last = people[-1]
    moved = (("姓名", "证件号码", "人员状态", "变动日期"), (last["name_zh"], number_of(last), "迁出", str(taken_on)))
    reading = Reading(register="population", area=admin.area_path or "", taken_on=taken_on)
    table = parse("户籍变动-演示.csv", _csv(moved))
    collecting.take_in(conn, admin, ring, table, reading, at=now - dt.timedelta(days=6), origin=ORIGIN)
    _mistaken(conn, admin, people[-2], now)
    pulling.add(
        conn, admin, "hospital", "other_platform", "区人民医院随访平台（演示）", "District hospital, demonstration",
        "http://127.0.0.1:9/register", admin.area_path or "", {}, at=now, origin=ORIGIN,
    )  # fmt: skip


def _mistaken(conn: Connection[Any], admin: Account, person: dict[str, Any], now: dt.datetime) -> None:
    """A report of a move that was wrong, and was taken back."""
    at = now - dt.timedelta(days=5)
    day = at.astimezone(SHANGHAI).date()
    leaving.record(conn, admin, person["code"], day, "moved", "户籍变动名册", at=at, origin=ORIGIN)
    later = at + dt.timedelta(hours=2)
    leaving.end(conn, admin, person["code"], "电话核实：仅迁户口，人仍在住", at=later, origin=ORIGIN)


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _reports(conn: Connection[Any], admin: Account, ring: KeyRing, key: Ed25519PrivateKey, now: dt.datetime) -> None:
    """The platform of the city, to which packages are carried by hand, and one beside that does not answer."""
    city = Ed25519PrivateKey.generate()
    seal = str(pyrage.x25519.Identity.generate().to_public())
    first = now.astimezone(SHANGHAI).date().replace(day=1)
    last = first - dt.timedelta(days=1)
    period = (last.replace(day=1), last)
    for code, zh, en, url in (
        ("city", "市级平台（演示）", "City platform, demonstration", ""),
        ("hospital", "区人民医院协同平台（演示）", "District hospital, demonstration", NOWHERE),
    ):
        fields = ReceiverFields(
            code=code, name_zh=zh, name_en=en, url=url, seal_key=seal,
            signing_key=public_of(city) if code == "city" else "",
        )  # fmt: skip
        receivers.save(conn, admin, fields, 0, at=now, origin=ORIGIN)
    made = [
        making.make(conn, admin, ring, key, code, dataset, admin.area_path or "", *period, at=now, origin=ORIGIN)
        for code, dataset in (("city", "places"), ("city", "residents"), ("city", "alerts"), ("hospital", "places"))
    ]
    schedules.add(conn, admin, "city", "places", "month", 6, at=now, origin=ORIGIN)
    package = making.content(conn, admin, made[0].id, at=now, origin=ORIGIN)
    making.handed_over(conn, admin, made[0].id, "政务外网光盘移交，市局王科收", at=now, origin=ORIGIN)
    signed = counter_sign(package, public_of(key), city)
    making.take_counter_signature(conn, admin, made[0].id, signed, at=now, origin=ORIGIN)
