"""A canteen in the small city of the tests, with a week's menu from the day after tomorrow on."""

import datetime as dt

import psycopg

from care_services.meals.checking import Dish
from care_services.meals.menus import NewOffer
from vocabulary.times import SHANGHAI

CANTEEN = "canteen-1"
FISH = Dish(zh="清蒸鲈鱼", en="sea bass", allergens=("fish",), marks=("low_salt",), texture="soft")
NUTS = Dish(zh="宫保鸡丁", en="chicken with peanuts", allergens=("peanut",), texture="soft")


def soon(days: int = 2) -> dt.date:
    """A day whose orders are still taken at any hour."""
    return dt.datetime.now(SHANGHAI).date() + dt.timedelta(days=days)


def offer(day: dt.date, code: str = "A", dish: Dish = FISH, price: int = 1500, most: int | None = None) -> NewOffer:
    """A set of one dish for a lunch."""
    return NewOffer(day=day, meal="lunch", code=code, dishes=(dish,), price=price, most=most)


def add_canteen(conn: psycopg.Connection, area: str = "sz.yt.hs", code: str = CANTEEN) -> int:
    """A canteen that serves a street; its number."""
    row = conn.execute(
        "INSERT INTO organisation (code, area_id, kind, name_zh, name_en, longitude, latitude)"
        " SELECT %s, id, 'canteen', '海山长者食堂', 'Haishan canteen', 114.24, 22.56 FROM area WHERE path = %s::ltree"
        " ON CONFLICT (code) DO UPDATE SET code = excluded.code RETURNING id",
        (code, area),
    ).fetchone()
    assert row is not None
    return int(row[0])
