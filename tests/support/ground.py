"""A small PMTiles file of a few streets, houses, a park and the sea around Yantian, made as a district's would be."""

import gzip
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write

BOX = (114.20, 22.53, 114.36, 22.65)
EXTENT = 4096
SOURCE = '<a href="https://map.test">盐田测绘</a> © 2026'
POINT, LINE, AREA = 1, 2, 3
Place = tuple[float, float]


class Feature(msgspec.Struct, frozen=True):
    """Something on the map: its layer, its sort (POINT, LINE, AREA), its properties and its places in degrees."""

    layer: str
    sort: int
    properties: Mapping[str, str]
    places: Sequence[Place]


def _square(east: float, north: float, size: float) -> list[Place]:
    return [(east, north), (east + size, north), (east + size, north + size), (east, north + size)]


_ROADS = (
    ("highway", "盐坝高速", "Yanba Expressway", [(114.2, 22.55), (114.24, 22.566), (114.35, 22.61)]),
    ("major_road", "深盐路", "Shenyan Road", [(114.21, 22.546), (114.232, 22.552), (114.262, 22.578)]),
    ("minor_road", "海山路", "Haishan Road", [(114.2365, 22.545), (114.2365, 22.565)]),
)
_SEA = [(114.2, 22.5), (114.37, 22.5), (114.37, 22.585), (114.29, 22.575), (114.21, 22.535)]
FEATURES = (
    Feature("earth", AREA, {}, [(114.1, 22.4), (114.5, 22.4), (114.5, 22.8), (114.1, 22.8)]),
    Feature("water", AREA, {"kind": "ocean"}, _SEA),
    Feature("landuse", AREA, {"kind": "park"}, _square(114.225, 22.556, 0.006)),
    *(
        Feature("buildings", AREA, {"kind": "building"}, _square(114.226 + 0.0009 * i, 22.549 + 0.0007 * j, 0.0005))
        for i in range(8)
        for j in range(6)
    ),
    *(Feature("roads", LINE, {"kind": kind, "name": zh, "name:en": en}, places) for kind, zh, en, places in _ROADS),
    Feature("places", POINT, {"kind": "neighbourhood", "name": "海山", "name:en": "Haishan"}, [(114.24, 22.561)]),
)


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _part(field: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return _number(field << 3) + _number(content)
    return _number(field << 3 | 2) + _number(len(content)) + content


def _pixels(place: Place, z: int, x: int, y: int) -> tuple[int, int]:
    across = (place[0] + 180) / 360 * 2**z
    down = (1 - math.asinh(math.tan(math.radians(place[1]))) / math.pi) / 2 * 2**z
    return round((across - x) * EXTENT), round((down - y) * EXTENT)


def geometry(sort: int, points: Sequence[tuple[int, int]]) -> bytes:
    """Commands of drawing, as the specification of vector tiles packs them."""
    numbers: list[int] = []
    before = (0, 0)
    for i, point in enumerate(points):
        if i == 0:
            numbers.append(1 << 3 | 1)
        elif i == 1:
            numbers.append((len(points) - 1) << 3 | 2)
        for old, new in zip(before, point, strict=True):
            step = new - old
            numbers.append((step << 1) ^ (step >> 63))
        before = point
    if sort == AREA:
        numbers.append(1 << 3 | 7)
    return b"".join(_number(value) for value in numbers)


def vector_tile(features: Iterable[Feature], z: int, x: int, y: int) -> bytes:
    """One tile; what lies outside of it is not cut off."""
    layers: dict[str, list[Feature]] = {}
    for feature in features:
        layers.setdefault(feature.layer, []).append(feature)
    tile = b""
    for name, several in layers.items():
        keys = sorted({key for feature in several for key in feature.properties})
        values = sorted({value for feature in several for value in feature.properties.values()})
        layer = _part(15, 2) + _part(1, name.encode())
        for feature in several:
            tags = b"".join(
                _number(keys.index(key)) + _number(values.index(value)) for key, value in feature.properties.items()
            )
            points = [_pixels(place, z, x, y) for place in feature.places]
            layer += _part(2, _part(2, tags) + _part(3, feature.sort) + _part(4, geometry(feature.sort, points)))
        layer += b"".join(_part(3, key.encode()) for key in keys)
        layer += b"".join(_part(4, _part(1, value.encode())) for value in values)
        tile += _part(3, layer + _part(5, EXTENT))
    return tile


def ground_file(
    features: Sequence[Feature] = FEATURES, *, zooms: Sequence[int] = (11, 12, 13, 14),
    box: tuple[float, float, float, float] = BOX, attribution: str | None = SOURCE,
    kind: TileType = TileType.MVT, tile: bytes | None = None, packed: bool = True,
) -> bytes:  # fmt: skip
    """A whole file; ``tile``: the same bytes in every place, instead of the features."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "yantian.pmtiles"
        with write(str(path)) as writer:
            places = [(zxy_to_tileid(z, x, y), z, x, y) for z in zooms for x, y in _covering(box, z)]
            for number, z, x, y in sorted(places):
                body = vector_tile(features, z, x, y) if tile is None else tile
                writer.write_tile(number, gzip.compress(body, mtime=0) if packed else body)
            header: dict[str, Any] = {
                "tile_type": kind,
                "tile_compression": Compression.GZIP if packed else Compression.NONE,
            }
            for name, value in zip(("min_lon", "min_lat", "max_lon", "max_lat"), box, strict=True):
                header[f"{name}_e7"] = round(value * 1e7)
            writer.finalize(header, {} if attribution is None else {"attribution": attribution})
        return path.read_bytes()


def _covering(box: tuple[float, float, float, float], z: int) -> Iterable[tuple[int, int]]:
    west, north = _pixels((box[0], box[3]), z, 0, 0)
    east, south = _pixels((box[2], box[1]), z, 0, 0)
    for x in range(west // EXTENT, east // EXTENT + 1):
        for y in range(north // EXTENT, south // EXTENT + 1):
            yield x, y
