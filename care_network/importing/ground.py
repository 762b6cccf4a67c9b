"""Read one file of map tiles (PMTiles 3): checked as a whole before it is stored, then asked for single tiles. Pure.

The library `pmtiles` knows the head and the order of the tiles. The bounds of unpacking are here: a file comes from
outside, and a small one can unpack to anything.
"""

import hashlib
import html
import io
import json
import re
import warnings
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from PIL import Image
from pmtiles.tile import (
    Compression,
    Entry,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_header,
    find_tile,
    zxy_to_tileid,
)

from care_network.errors import ProvisioningError
from care_network.importing.vector_tiles import MOST_LAYERS, TileError, layers_of

MOST_BYTES = 64 * 1024 * 1024
"""A city of Shenzhen's size with streets and houses is some 60 MB, a district some megabytes."""
MOST_ENTRIES = 300_000
MOST_DIRECTORY = 8 * 1024 * 1024
MOST_METADATA = 1024 * 1024
MOST_TILE = 4 * 1024 * 1024
"""Unpacked; makers of tiles aim at a tenth of it."""
MOST_UNPACKED = 1024 * 1024 * 1024
"""Of all tiles together."""
DEEPEST = 3
"""Directories below each other; the specification names two."""
LEAST_ZOOM, MOST_ZOOM = 11, 22
"""The deepest zoom has to show streets: at 11 a pixel is 76 m."""
LONGEST_SIDE = 1024
"""Pixels of a picture."""
LONGEST_ATTRIBUTION = 300
HEAD = 127

GroundKind = Literal["mvt", "png", "jpeg", "webp"]
_KINDS: dict[TileType, GroundKind] = {
    TileType.MVT: "mvt", TileType.PNG: "png", TileType.JPEG: "jpeg", TileType.WEBP: "webp",
}  # fmt: skip
MEDIA: dict[GroundKind, str] = {
    "mvt": "application/vnd.mapbox-vector-tile", "png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp",
}  # fmt: skip
Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees WGS 84."""
GetBytes = Callable[[int, int], bytes]
"""Bytes of the file: offset, length."""


class GroundFileError(ProvisioningError, ValueError):
    """The file is no map that can be shown; the texts say what to do."""


class GroundFile(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a file, for the report and for whoever draws it."""

    kind: GroundKind
    min_zoom: int
    max_zoom: int
    box: Box
    layers: tuple[str, ...]
    tiles: int
    """Addressed ones; many may share their bytes."""
    attribution: str
    """As the file says it, without marks of HTML; empty where it says nothing."""
    sha256: bytes
    size: int


def is_archive(data: bytes) -> bool:
    """Whether a file begins as PMTiles do, of whatever version."""
    return data[:7] == b"PMTiles" or data[:2] == b"PM"


def read_ground(data: bytes, district: Box | None = None) -> GroundFile:
    """Check a whole file: head, directories and every tile. Raises GroundFileError, in words for whoever chose it.

    ``district``: what it has to overlap.
    """
    if len(data) > MOST_BYTES:
        raise GroundFileError(
            zh=f"文件超过 {MOST_BYTES // 1024 // 1024} MB。请只截取本区范围，或把最大缩放级别降到 14",
            en=f"the file is larger than {MOST_BYTES // 1024 // 1024} MB: extract this district alone, or to zoom 14",
        )
    head = _head(data)
    kind = _kind(head)
    box = _box(head, district)
    get = _source(data, head)
    entries = _all_entries(get, head)
    layers, tiles = _checked(get, entries, head, kind)
    return GroundFile(
        kind=kind, min_zoom=head["min_zoom"], max_zoom=head["max_zoom"], box=box, layers=layers, tiles=tiles,
        attribution=_attribution(get, head), sha256=hashlib.sha256(data).digest(), size=len(data),
    )  # fmt: skip


def place_of_tile(
    head: bytes, directory: Callable[[int, int], Sequence[Entry]], z: int, x: int, y: int
) -> tuple[int, int] | None:
    """Find (offset, length) of a tile of a file that was checked; None where it has none.

    ``head``: its first HEAD bytes; ``directory``: reads the one at (offset, length).
    """
    if not (0 <= z <= MOST_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
        return None
    facts, number = deserialize_header(head), zxy_to_tileid(z, x, y)
    offset, length = facts["root_offset"], facts["root_length"]
    for _ in range(DEEPEST):
        found = find_tile(list(directory(offset, length)), number)
        if found is None:
            return None
        if found.run_length:
            return facts["tile_data_offset"] + found.offset, found.length
        offset, length = facts["leaf_directory_offset"] + found.offset, found.length
    return None


def directory_of(packed: bytes, head: bytes) -> list[Entry]:
    """Entries of one directory. Raises GroundFileError where it is damaged."""
    return _entries(_unpacked(packed, deserialize_header(head)["internal_compression"], MOST_DIRECTORY))


def unpacked_tile(packed: bytes, head: bytes) -> bytes:
    """A tile's own bytes. Raises GroundFileError."""
    return _unpacked(packed, deserialize_header(head)["tile_compression"], MOST_TILE)


def is_packed(head: bytes) -> bool:
    """Whether the tiles of a file are packed by gzip."""
    return deserialize_header(head)["tile_compression"] == Compression.GZIP


def plain_attribution(text: object) -> str:
    """The words of an attribution, which files write as HTML: no marks, one line."""
    words = html.unescape(re.sub(r"<[^<>]*>", " ", text)) if isinstance(text, str) else ""
    kept = "".join(letter if letter.isprintable() else " " for letter in words if letter not in "<>")
    return " ".join(kept.split())[:LONGEST_ATTRIBUTION]


def _damaged(zh: str, en: str) -> GroundFileError:
    return GroundFileError(
        zh=f"PMTiles 文件已损坏（{zh}）。请重新下载或重新导出",
        en=f"the PMTiles file is damaged ({en}): export it again",
    )


def _too_many() -> GroundFileError:
    return GroundFileError(
        zh=f"瓦片超过 {MOST_ENTRIES} 个。请只截取本区范围，或把最大缩放级别降到 14",
        en=f"it has more than {MOST_ENTRIES} tiles: extract this district alone, or to zoom 14",
    )


def _head(data: bytes) -> HeaderDict:
    wrong = GroundFileError(
        zh="这不是 PMTiles 文件。底图须为一个 .pmtiles 文件（第 3 版）；区域边界的 GeoJSON 请在“区域轮廓”处上传",
        en="this is no PMTiles file: the ground is one .pmtiles file (version 3); GeoJSON of outlines has its own form",
    )
    if not is_archive(data):
        raise wrong
    if len(data) < HEAD:
        raise _damaged("文件不完整", "it is cut off")
    try:
        return deserialize_header(data[:HEAD])
    except (SpecVersionUnsupported, MagicNumberNotFound) as error:
        raise GroundFileError(
            zh="PMTiles 版本不对，需要第 3 版。请用 pmtiles convert 转换",
            en="it is not version 3 of PMTiles: turn it into one with 'pmtiles convert'",
        ) from error
    except (ValueError, IndexError) as error:  # a number of a compression or type that nobody knows
        raise _damaged("文件头无法识别", "its head cannot be read") from error


def _kind(head: HeaderDict) -> GroundKind:
    kind = _KINDS.get(head["tile_type"])
    if kind is None:
        raise GroundFileError(
            zh="瓦片类型不支持。请导出为矢量瓦片（MVT），或 PNG、JPEG、WebP 图片瓦片",
            en="its kind of tiles is not read: export vector tiles (MVT), or pictures as PNG, JPEG or WebP",
        )
    if not {head["internal_compression"], head["tile_compression"]} <= {Compression.NONE, Compression.GZIP}:
        raise GroundFileError(
            zh="压缩方式不支持，请用 gzip 或不压缩导出", en="its compression is not read: export it with gzip, or none"
        )
    if not head["min_zoom"] <= head["max_zoom"] <= MOST_ZOOM:
        raise _damaged("缩放级别不合理", "its zooms make no sense")
    if head["max_zoom"] < LEAST_ZOOM:
        raise GroundFileError(
            zh=f"最大缩放级别只有 {head['max_zoom']}，看不清街道。请导出到 14 级或 15 级",
            en=f"its deepest zoom is {head['max_zoom']}, which shows no streets: export it to zoom 14 or 15",
        )
    return kind


def _box(head: HeaderDict, district: Box | None) -> Box:
    west, south, east, north = (
        head["min_lon_e7"] / 1e7, head["min_lat_e7"] / 1e7, head["max_lon_e7"] / 1e7, head["max_lat_e7"] / 1e7,
    )  # fmt: skip
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise _damaged("范围不合理", "its bounds make no sense")
    if district is not None and (
        west > district[2] or east < district[0] or south > district[3] or north < district[1]
    ):
        there = f"{west:.3f}, {south:.3f}, {east:.3f}, {north:.3f}"
        here = ", ".join(f"{value:.3f}" for value in district)
        raise GroundFileError(
            zh=f"这份地图不在本区：它的范围是 {there}，本区是 {here}（西、南、东、北）",
            en=f"this map lies elsewhere: its bounds are {there}, the district's {here} (west, south, east, north)",
        )
    return west, south, east, north


def _source(data: bytes, head: HeaderDict) -> GetBytes:
    """Read within the file; a place beyond it is damage."""
    for part in ("root", "metadata", "leaf_directory", "tile_data"):
        if head[f"{part}_offset"] + head[f"{part}_length"] > len(data):  # type: ignore[literal-required]
            raise _damaged("文件不完整，可能没有下载完", "it is cut off: was it downloaded to its end?")

    def get(offset: int, length: int) -> bytes:
        if offset < 0 or offset + length > len(data):
            raise _damaged("目录指向文件之外", "its directory leads beyond its end")
        return data[offset : offset + length]

    return get


def _unpacked(packed: bytes, compression: Compression, most: int) -> bytes:
    if compression == Compression.NONE:
        if len(packed) > most:
            raise _damaged("有一部分过大", "a part of it is too large")
        return packed
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(packed, most)
    except zlib.error as error:
        raise _damaged("有一部分解压失败", "a part of it cannot be unpacked") from error
    if unpacking.unconsumed_tail:
        raise _damaged("有一部分解压后过大", "a part of it unpacks to too much")
    if not unpacking.eof or unpacking.unused_data:  # of a second part a browser would unpack any length
        raise _damaged("有一部分不完整", "a part of it is cut off")
    return plain


def _numbers(plain: bytes) -> list[int]:
    numbers: list[int] = []
    value = shift = 0
    for byte in plain:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
        else:
            shift += 7
            if shift > 63:
                raise _damaged("目录无法读取", "its directory cannot be read")
    if shift:
        raise _damaged("目录不完整", "its directory is cut off")
    return numbers


def _entries(plain: bytes) -> list[Entry]:
    """A directory: how many, then their steps of number, run lengths, lengths and offsets, column by column."""
    count, *numbers = _numbers(plain) or [0]
    if count > MOST_ENTRIES:
        raise _too_many()
    if len(numbers) != 4 * count:
        raise _damaged("目录无法读取", "its directory cannot be read")
    entries: list[Entry] = []
    number = 0
    for i in range(count):
        number += numbers[i]
        run, length, offset = numbers[count + i], numbers[2 * count + i], numbers[3 * count + i]
        if offset:
            offset -= 1
        elif entries:
            offset = entries[-1].offset + entries[-1].length
        else:
            raise _damaged("目录无法读取", "its directory cannot be read")
        if (i and not numbers[i]) or not length or number + run > 1 << 46:
            raise _damaged("目录次序混乱", "its directory is out of order")
        entries.append(Entry(number, offset, length, run))
    return entries


def _all_entries(get: GetBytes, head: HeaderDict) -> list[Entry]:
    """Every tile of every directory."""
    found: list[Entry] = []
    waiting = [(head["root_offset"], head["root_length"], 1)]
    read = 0
    while waiting:
        offset, length, depth = waiting.pop()
        entries = _entries(_unpacked(get(offset, length), head["internal_compression"], MOST_DIRECTORY))
        read += len(entries)
        if depth == DEEPEST and any(not entry.run_length for entry in entries):
            raise _damaged("目录层次过深", "its directories lie too deep")
        if read > MOST_ENTRIES:
            raise _too_many()
        for entry in entries:
            if entry.run_length:
                found.append(entry)
            else:
                waiting.append((head["leaf_directory_offset"] + entry.offset, entry.length, depth + 1))
    if not found:
        raise GroundFileError(zh="文件中没有任何瓦片", en="there is no tile in the file")
    return found


def _checked(
    get: GetBytes, entries: Sequence[Entry], head: HeaderDict, kind: GroundKind
) -> tuple[tuple[str, ...], int]:
    """Look at each tile once: names of the layers, and how many tiles are addressed."""
    layers: dict[str, None] = {}
    seen: set[tuple[int, int]] = set()
    left = MOST_UNPACKED
    for entry in entries:
        place = (entry.offset, entry.length)
        if place in seen:
            continue
        seen.add(place)
        if entry.offset + entry.length > head["tile_data_length"]:
            raise _damaged("目录指向文件之外", "its directory leads beyond its end")
        tile = _unpacked(
            get(head["tile_data_offset"] + entry.offset, entry.length), head["tile_compression"], MOST_TILE
        )
        left -= len(tile)
        if left < 0:
            raise _damaged("解压后过大", "it unpacks to too much")
        if kind != "mvt":
            _check_picture(tile, kind)
            continue
        try:
            layers |= dict.fromkeys(name for name, features in layers_of(tile).items() if features)
        except TileError as error:
            raise _damaged("有瓦片无法读取", f"a tile cannot be read: {error}") from error
    if kind == "mvt" and not layers:
        raise GroundFileError(zh="瓦片都是空的，没有可画的要素", en="its tiles are empty: there is nothing to draw")
    if len(layers) > MOST_LAYERS:
        raise _damaged("图层过多", "it has too many layers")
    return tuple(layers), min(sum(entry.run_length for entry in entries), 2**31 - 1)


def _check_picture(tile: bytes, kind: GroundKind) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(tile), formats=(kind.upper(),)) as picture:
                large = max(picture.size) > LONGEST_SIDE
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _damaged(f"有瓦片不是 {kind.upper()} 图片", f"a tile is no picture of the kind {kind}") from error
    if large:
        raise _damaged("有图片瓦片过大", "a picture has too many pixels")


def _attribution(get: GetBytes, head: HeaderDict) -> str:
    """Read the file's words about its source; nothing of it is needed, so that a bad one is not a bad file."""
    try:
        plain = _unpacked(
            get(head["metadata_offset"], head["metadata_length"]), head["internal_compression"], MOST_METADATA
        )
        metadata: Any = json.loads(plain)
    except (GroundFileError, ValueError, RecursionError):
        return ""
    return plain_attribution(metadata.get("attribution")) if isinstance(metadata, dict) else ""
