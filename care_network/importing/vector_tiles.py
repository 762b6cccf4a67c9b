"""Walk through a vector tile (Mapbox Vector Tile 2.1) and see that it is whole, before a browser draws it. Pure.

A browser that follows a false count draws for ever, so the counts of every line are held against the numbers that are
there.
"""

import numpy as np
from numpy.typing import NDArray

MOST_LAYERS = 64
MOST_EXTENT = 65_536
LONGEST_NAME = 100
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOVE, _LINE, _CLOSE = 1, 2, 7


class TileError(ValueError):
    """The bytes are no vector tile, or a damaged one."""


def layers_of(tile: bytes) -> dict[str, int]:
    """Count the features of each layer. Raises TileError for a tile that is damaged anywhere."""
    ends = np.flatnonzero(np.frombuffer(tile, np.uint8) < 0x80)
    found: dict[str, int] = {}
    at = 0
    while at < len(tile):
        key, at = _varint(tile, at, len(tile))
        begin, at = _field(tile, at, len(tile), key & 7)
        if key == (3 << 3 | _BYTES):
            name, features = _layer(tile, begin, at, ends)
            found[name] = found.get(name, 0) + features
            if len(found) > MOST_LAYERS:
                raise TileError("too many layers")
    return found


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise TileError("a number without an end")


def _field(data: bytes, at: int, end: int, kind: int) -> tuple[int, int]:
    """Begin and end of a field's value."""
    if kind == _VARINT:
        return at, _varint(data, at, end)[1]
    if kind == _BYTES:
        length, at = _varint(data, at, end)
    elif kind in (_FIXED32, _FIXED64):
        length = 4 if kind == _FIXED32 else 8
    else:
        raise TileError("an unknown kind of field")
    if at + length > end:
        raise TileError("a field longer than its tile")
    return at, at + length


def _layer(data: bytes, at: int, end: int, ends: NDArray[np.int64]) -> tuple[str, int]:
    name, features, extent = "", 0, 4096
    while at < end:
        key, at = _varint(data, at, end)
        begin, at = _field(data, at, end, key & 7)
        if key == (1 << 3 | _BYTES):
            name = data[begin:at].decode("utf-8", "replace")
        elif key == (2 << 3 | _BYTES):
            features += 1
            _feature(data, begin, at, ends)
        elif key == (5 << 3 | _VARINT):
            extent = _varint(data, begin, at)[0]
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise TileError("a layer without a name")
    if not 1 <= extent <= MOST_EXTENT:
        raise TileError("a layer without an extent")
    return name, features


def _feature(data: bytes, at: int, end: int, ends: NDArray[np.int64]) -> None:
    while at < end:
        key, at = _varint(data, at, end)
        begin, at = _field(data, at, end, key & 7)
        if key == (4 << 3 | _BYTES):
            _geometry(data, begin, at, ends)


def _geometry(data: bytes, at: int, end: int, ends: NDArray[np.int64]) -> None:
    """Follow the commands of a geometry; ``ends``: where each number of the tile ends."""
    number, last = (int(place) for place in np.searchsorted(ends, (at, end)))
    first = True
    while number < last:
        command, _ = _varint(data, at, end)
        kind, count = command & 7, command >> 3
        if first and kind != _MOVE:
            raise TileError("a line that begins nowhere")
        if kind in (_MOVE, _LINE) and count:
            number += 1 + 2 * count
        elif kind == _CLOSE and count == 1:
            number += 1
        else:
            raise TileError("an unknown command of drawing")
        if number > last:
            raise TileError("a line with fewer points than it says")
        first, at = False, int(ends[number - 1]) + 1
    if at != end:
        raise TileError("a geometry without an end")
