"""District files: a district written down as TOML, read by ``shouwang provision``.

One table of arrays for each sort of record, named as below, its fields those of :mod:`care_network.records.records`::

    [[area]]
    path = "shenzhen"
    level = "city"
    name_zh = "深圳市"
    name_en = "Shenzhen"

    [[resident]]
    code = "R0001"
    household = "H0001"
    …
"""

import datetime as dt
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from psycopg import Connection

from care_network.errors import ProvisioningError
from care_network.records import provisioning, records
from vocabulary.times import local_day
from vocabulary.toml import read_toml


def provision_file(conn: Connection[Any], text: str, now: dt.datetime) -> Mapping[str, int]:
    """Add the records of a district file that do not exist yet; returns how many of each sort the file has.

    Existing records stay as they are. All or nothing, in one transaction. Raises ProvisioningError, which names the
    table, the number in it (from 1) and the wrong field.
    """
    try:
        tables = read_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise ProvisioningError(
            en=f"the district file is not TOML: {error}", zh=f"区级名册不是有效的 TOML 文件：{error}"
        ) from error
    unknown = sorted(set(tables) - set(_SORTS))
    if unknown:
        raise ProvisioningError(
            en=f"the district file has the table {unknown[0]!r}; known: {', '.join(_SORTS)}",
            zh=f"区级名册中有未知的表 {unknown[0]}；可用：{'、'.join(_SORTS)}",
        )
    counts: Counter[str] = Counter()
    with conn.transaction():
        # In the order of _SORTS, not of the file: areas before households before residents.
        for name, (kind, add) in _SORTS.items():
            entries = tables.get(name, [])
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise ProvisioningError(
                    en=f"write [[{name}]], in two pairs of brackets, before each {name}",
                    zh=f"每条 {name} 前请写 [[{name}]]，用两对方括号",
                )
            for number, entry in enumerate(entries, start=1):
                try:
                    add(conn, records.parse(kind, entry), now)
                except ProvisioningError as error:
                    raise ProvisioningError(
                        en=f"{name} number {number}: {error.message_en}",
                        zh=f"第 {number} 条 {name}：{error.message_zh}",
                    ) from error
                counts[name] += 1
    return dict(counts)


_Add = Callable[[Connection[Any], Any, dt.datetime], object]


def _existing_is_fine(add: Callable[..., int]) -> _Add:
    return lambda conn, record, _now: add(conn, record, exist_ok=True)


_SORTS: Mapping[str, tuple[type[records.Record], _Add]] = {
    "area": (records.NewArea, _existing_is_fine(provisioning.add_area)),
    "organisation": (records.NewOrganisation, _existing_is_fine(provisioning.add_organisation)),
    "household": (records.NewHousehold, _existing_is_fine(provisioning.add_household)),
    "resident": (
        records.NewResident,
        lambda conn, record, now: provisioning.add_resident(conn, record, local_day(now), exist_ok=True),
    ),
    "limit": (records.NewLimit, provisioning.set_limit),
    "gateway": (records.NewGateway, _existing_is_fine(provisioning.add_gateway)),
    "device": (records.NewDevice, _existing_is_fine(provisioning.add_device)),
    "account": (records.NewAccount, _existing_is_fine(provisioning.add_account)),
    "family": (records.NewFamilyMember, lambda conn, record, _now: provisioning.add_family_member(conn, record)),
}
