"""A PMTiles file as the ground of the map: a whole one is read, a damaged or hostile one refused in words."""

import gzip
import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pmtiles.reader import MemorySource, Reader
from pmtiles.tile import Compression, Entry, TileType, serialize_directory, tileid_to_zxy

from care_network.importing import ground
from care_network.importing.ground import (
    HEAD,
    GroundFileError,
    directory_of,
    place_of_tile,
    plain_attribution,
    read_ground,
    unpacked_tile,
)
from care_network.importing.vector_tiles import TileError, layers_of
from tests.support.ground import AREA, BOX, FEATURES, LINE, geometry, ground_file, vector_tile

DISTRICT = (114.21, 22.54, 114.36, 22.64)
WHOLE = ground_file()
SMALL = ground_file(FEATURES[-4:], zooms=(11,))


def with_byte(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


def with_number(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + value.to_bytes(8, "little") + data[at + 8 :]


def refusal(data: bytes) -> GroundFileError:
    with pytest.raises(GroundFileError) as refused:
        read_ground(data, DISTRICT)
    assert refused.value.message_zh
    assert refused.value.message_en
    return refused.value


def picture(kind: str, side: int = 256) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(out, kind)
    return out.getvalue()


def test_a_whole_file_is_read_and_each_tile_found() -> None:
    found = read_ground(WHOLE, DISTRICT)
    assert (found.kind, found.min_zoom, found.max_zoom, found.size) == ("mvt", 11, 14, len(WHOLE))
    assert set(found.layers) == {"earth", "water", "landuse", "buildings", "roads", "places"}
    assert found.box == pytest.approx(BOX)
    assert found.attribution == "盐田测绘 © 2026"
    head = WHOLE[:HEAD]

    def directory(offset: int, length: int) -> list[Entry]:
        return directory_of(WHOLE[offset : offset + length], head)

    theirs = Reader(MemorySource(WHOLE))
    header = theirs.header()
    entries = directory(header["root_offset"], header["root_length"])
    assert sum(entry.run_length for entry in entries) == found.tiles
    for entry in entries[:: max(1, len(entries) // 12)]:
        z, x, y = tileid_to_zxy(entry.tile_id)
        place = place_of_tile(head, directory, z, x, y)
        assert place is not None
        packed = WHOLE[place[0] : sum(place)]
        assert packed == theirs.get(z, x, y)
        assert unpacked_tile(packed, head) == vector_tile(FEATURES, z, x, y)
    for elsewhere in ((14, 0, 0), (15, 26777, 14270), (14, 1 << 14, 0), (-1, 0, 0), (40, 1, 1)):
        assert place_of_tile(head, directory, *elsewhere) is None


@pytest.mark.parametrize("kind", [TileType.PNG, TileType.JPEG, TileType.WEBP])
def test_pictures_are_read_and_wrong_ones_refused(kind: TileType) -> None:
    whole = ground_file(kind=kind, tile=picture(kind.name), packed=False, zooms=(12,), attribution=None)
    found = read_ground(whole, DISTRICT)
    assert (found.kind, found.layers, found.attribution) == (kind.name.lower(), (), "")
    assert "图片" in refusal(ground_file(kind=kind, tile=b"<svg/>", packed=False, zooms=(12,))).message_zh
    assert (
        "过大" in refusal(ground_file(kind=kind, tile=picture(kind.name, 1500), packed=False, zooms=(12,))).message_zh
    )


def test_a_wrong_file_says_what_to_do() -> None:
    assert "不是 PMTiles" in refusal(b'{"type": "FeatureCollection"}').message_zh
    assert "不是 PMTiles" in refusal(b"").message_zh
    assert "第 3 版" in refusal(with_byte(WHOLE, 7, 2)).message_zh
    assert "pmtiles convert" in refusal(b"PM\x02\x00" + bytes(600)).message_zh
    assert "没有下载完" in refusal(WHOLE[: len(WHOLE) // 2]).message_zh
    assert "不完整" in refusal(WHOLE[:90]).message_zh
    assert "AVIF" not in refusal(with_byte(WHOLE, 99, TileType.AVIF.value)).message_zh
    assert "MVT" in refusal(with_byte(WHOLE, 99, TileType.AVIF.value)).message_zh
    assert "gzip" in refusal(with_byte(WHOLE, 98, Compression.BROTLI.value)).message_zh
    assert "文件头" in refusal(with_byte(WHOLE, 98, 77)).message_zh
    assert "级别" in refusal(with_byte(WHOLE, 100, 20)).message_zh
    assert "看不清街道" in refusal(ground_file(zooms=(8, 9))).message_zh
    beijing = refusal(ground_file(zooms=(11,), box=(116.2, 39.8, 116.5, 40.0)))
    assert "不在本区" in beijing.message_zh
    assert "116.200" in beijing.message_en
    assert "要素" in refusal(ground_file((), zooms=(12,))).message_zh


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_damage_is_refused_in_words_or_harmless(data: st.DataObject) -> None:
    changed = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(changed)) | st.just(len(changed)))
    try:
        read_ground(bytes(changed[:cut]), DISTRICT)
    except GroundFileError as error:
        assert error.message_zh
        assert error.message_en


def test_a_hostile_file_takes_neither_memory_nor_time() -> None:
    tracemalloc.start()
    try:
        zeros = gzip.compress(bytes(60_000_000))
        # a tile, a directory and the words about it that unpack to anything
        assert "解压后过大" in refusal(ground_file(tile=bytes(60_000_000), zooms=(11,))).message_zh
        bomb = with_number(with_number(WHOLE + zeros, 8, len(WHOLE)), 16, len(zeros))
        assert "过大" in refusal(bomb).message_zh
        words = with_number(with_number(WHOLE + zeros, 24, len(WHOLE)), 32, len(zeros))
        assert read_ground(words, DISTRICT).attribution == ""
        # a directory that leads to itself, and one that leads beyond the end
        itself = serialize_directory([Entry(0, 0, 60, 0)])
        loop = WHOLE + itself
        for at, value in ((8, len(WHOLE)), (16, len(itself)), (40, len(WHOLE)), (48, len(itself))):
            loop = with_number(loop, at, value)
        refusal(loop)
        beyond = serialize_directory([Entry(0, 10**15, 60, 1)])
        far = with_number(with_number(WHOLE + beyond, 8, len(WHOLE)), 16, len(beyond))
        assert "文件之外" in refusal(far).message_zh
        for numbers in (b"\x80" * 5000, b"\xff\xff\xff\xff\x07", b"\x02\x01\x01\x01\x01\x01\x01\x01\x00", b""):
            root = gzip.compress(numbers)
            refusal(with_number(with_number(WHOLE + root, 8, len(WHOLE)), 16, len(root)))
        # a second part behind the first, which a browser would unpack, too
        with pytest.raises(GroundFileError):
            unpacked_tile(gzip.compress(b"a") + zeros, WHOLE[:HEAD])
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 300_000_000


def test_a_tile_that_would_draw_for_ever_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = vector_tile(FEATURES[:2], 12, 3347, 1783)
    assert layers_of(good) == {"earth": 1, "water": 1}
    square = geometry(AREA, [(0, 0), (9, 0), (9, 9)])
    for bad in (
        b"\x7a\xff\xff\xff\xff\x0f",  # half a thousand million times: close the ring
        geometry(LINE, [(0, 0), (9, 9)])[:-1],
        b"\x0a" + square[1:],
        b"\x0f",
        b"\x0b\x00\x00",
        square + b"\x80",
    ):
        with pytest.raises(TileError):
            layers_of(tile_with(bad))
    for cut in range(1, len(good) - 1, 7):
        try:
            layers_of(good[:cut])
        except TileError:
            continue
    monkeypatch.setattr(ground, "MOST_ENTRIES", 5)
    assert "瓦片超过 5 个" in refusal(WHOLE).message_zh


def tile_with(drawing: bytes) -> bytes:
    feature = b"\x18\x03\x22" + bytes([len(drawing)]) + drawing
    layer = b"\x78\x02\x0a\x01a\x12" + bytes([len(feature)]) + feature
    return b"\x1a" + bytes([len(layer)]) + layer


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('<a href="javascript:alert(1)">© OSM</a> &amp; 测绘', "© OSM & 测绘"),
        ("<script>x", "x"),
        ("&lt;b&gt; a\n\tb", "b a b"),
        (None, ""),
        (["x"], ""),
        ("审" * 900, "审" * 300),
    ],
)
def test_an_attribution_is_plain_words(text: object, plain: str) -> None:
    assert " ".join(plain_attribution(text).split()) == plain
