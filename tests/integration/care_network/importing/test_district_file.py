"""A district from a TOML file: all or nothing, any order, safe to repeat, and clear about what is wrong."""

import datetime as dt
import re

import psycopg
import pytest

from care_network.errors import ProvisioningError
from care_network.importing.district_file import provision_file
from care_network.records.registry import EMPTY, load_registry

pytestmark = pytest.mark.integration

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
DISTRICT = """
[[resident]]
code = "R1"
household = "H1"
name_zh = "陈秀英"
name_en = "Chen Xiuying"
sex = "female"
birth_date = 1941-05-06

[[limit]]
resident = "R1"
channel = "heart_rate"
low = 45
set_by = "Dr Wu"

[[household]]
code = "H1"
area = "sz.yt.hs.pw.c1"
address_zh = "海山路1号"
address_en = "1 Haishan Road"

[[gateway]]
name = "gw-1"
household = "H1"

[[device]]
gateway = "gw-1"
name = "pulse"
model = "nonin-3230"
resident = "R1"

[[account]]
login = "daughter"
password = "three words together"
name_zh = "李女士"
name_en = "Ms Li"
role = "family"

[[family]]
login = "daughter"
resident = "R1"
relation_zh = "女儿"
relation_en = "daughter"
consent_at = 2026-02-01T10:00:00+08:00
""" + "".join(
    f'\n[[area]]\npath = "{path}"\nlevel = "{level}"\nname_zh = "地"\nname_en = "Place"\n'
    for path, level in [
        ("sz", "city"),
        ("sz.yt", "district"),
        ("sz.yt.hs", "street"),
        ("sz.yt.hs.pw", "community"),
        ("sz.yt.hs.pw.c1", "compound"),
    ]
)


def test_a_district_is_read_in_any_order_and_twice(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        counts = provision_file(conn, DISTRICT, NOW)
        registry = load_registry(conn)
        assert provision_file(conn, DISTRICT, NOW) == counts
        assert load_registry(conn) == registry
    assert counts["area"] == 5
    assert counts["family"] == 1
    resident = registry.resident_of("gw-1", "pulse")
    assert resident is not None
    assert [(s.place.resident_id, s.name, s.value) for s in registry.tuning] == [
        (resident.id, "limit.heart_rate.low", 45)
    ]


MISTAKES = (
    (
        'model = "nonin-3230"',
        'model = "toaster"',
        "device number 1: .*toaster",
        "第 1 条 device：.*没有型号 toaster",
    ),
    ('sex = "female"', "sex = 3", "resident number 1: .*sex", "第 1 条 resident：.*sex 不符合要求"),
    ("[[gateway]]", "[gateway]", r"write \[\[gateway\]\]", r"请写 \[\[gateway\]\]"),
    ("[[gateway]]", "[[gatewy]]", "'gatewy'", "未知的表 gatewy"),
    ("[[gateway]]", "[[gateway", "not TOML", "不是有效的 TOML"),
    ("low = 45", "low = nan", "a limit is a number", "限值须为数字"),
)
"""Words of the example, what stands there instead, and what is said of it in both languages."""


def test_a_mistake_is_named_and_nothing_is_stored(database_url: str) -> None:
    for old, new, words, words_zh in MISTAKES:
        with psycopg.connect(database_url) as conn:
            with pytest.raises(ProvisioningError, match=words) as refused:
                provision_file(conn, DISTRICT.replace(old, new), NOW)
            assert re.search(words_zh, refused.value.message_zh), new
            assert load_registry(conn) == EMPTY, new
