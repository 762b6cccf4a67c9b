"""Outlines of the demonstration's areas: our own, much simplified, and said to be so wherever they are shown."""

import datetime as dt
import json
from importlib.resources import files
from typing import Any

import msgspec
from psycopg import Connection

from care_network.records.places.outlines import store_outline

SOURCE = "the demonstration's own simplified outlines, no official boundaries"
"""A text of the console's catalogue."""


class _Outline(msgspec.Struct, frozen=True):
    path: str
    names: tuple[str, ...]
    polygons: list[Any]

    @property
    def points(self) -> int:
        return sum(len(ring) for polygon in self.polygons for ring in polygon)

    @property
    def read(self) -> int:
        return self.points

    @property
    def label(self) -> str:
        return self.names[0]


def add_outlines(conn: Connection[Any], now: dt.datetime) -> None:
    """Give the areas that have no outline yet the demonstration's; those that somebody has loaded stay."""
    there = {
        path for (path,) in conn.execute("SELECT a.path::text FROM area_outline o JOIN area a ON a.id = o.area_id")
    }
    for feature in json.loads(files(__package__).joinpath("outlines.geojson").read_text(encoding="utf-8"))["features"]:
        named = feature["properties"]
        if named["path"] not in there:
            outline = _Outline(named["path"], (named["name"],), [feature["geometry"]["coordinates"]])
            store_outline(conn, outline.path, outline, SOURCE, "demo", now)
