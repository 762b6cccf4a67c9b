"""Outlines from GeoJSON: whatever a file holds, it is read or refused in words; what is read is closed and small."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_network.importing.datum import shifted, to_wgs84
from care_network.importing.outlines import MOST_POINTS, OutlineFileError, read_outlines


def file_of(*geometries: Any, **properties: Any) -> bytes:
    features = [
        {"type": "Feature", "properties": properties or {"name": "海山街道"}, "geometry": one} for one in geometries
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def circle(points: int, longitude: float = 114.24, latitude: float = 22.56, degrees: float = 0.02) -> list[list[float]]:
    angles = [2 * math.pi * i / points for i in range(points)]
    ring = [[longitude + degrees * math.cos(angle), latitude + degrees * math.sin(angle)] for angle in angles]
    return [*ring, ring[0]]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(
        st.sampled_from(["type", "features", "geometry", "coordinates", "properties", "name", "crs"]), inner, max_size=4
    ),
    max_leaves=25,
)  # fmt: skip
coordinates = st.recursive(
    st.floats(-200, 200) | st.integers(-200, 200), lambda inner: st.lists(inner, max_size=6), max_leaves=40
)


@settings(max_examples=60, deadline=None)
@given(value=values)
def test_any_json_is_read_or_refused_in_words(value: Any) -> None:
    try:
        read_outlines(json.dumps(value).encode())
    except OutlineFileError as error:
        assert error.message_zh
        assert error.message_en


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(["Polygon", "MultiPolygon", "Point", "x"]), inside=coordinates, data=st.binary(max_size=40))
def test_any_geometry_is_an_outline_or_refused_in_words(kind: str, inside: Any, data: bytes) -> None:
    file = read_outlines(file_of({"type": kind, "coordinates": inside}))
    assert len(file.outlines) + len(file.refused) == 1
    assert all(one.zh and one.en for one in file.refused)
    for outline in file.outlines:
        for polygon in outline.polygons:
            for ring in polygon:
                assert ring[0] == ring[-1]
                assert len(ring) >= 4
    with pytest.raises(OutlineFileError):
        read_outlines(b"\x00" + data)


@settings(max_examples=10, deadline=None)
@given(points=st.integers(4, 3000), degrees=st.floats(0.0005, 0.5))
def test_an_outline_is_simplified_and_keeps_its_shape(points: int, degrees: float) -> None:
    (outline,) = read_outlines(file_of({"type": "Polygon", "coordinates": [circle(points, degrees=degrees)]})).outlines
    assert outline.points <= min(MOST_POINTS, points + 1)
    reach = [math.dist((114.24, 22.56), point) for point in outline.polygons[0][0]]
    assert max(reach) == pytest.approx(degrees, rel=0.02)


def test_a_wrong_file_says_what_to_do() -> None:
    metres = file_of(
        {
            "type": "Polygon",
            "coordinates": [[[512000, 2496000], [513000, 2496000], [513000, 2497000], [512000, 2496000]]],
        }
    )
    assert "EPSG:4326" in read_outlines(metres).refused[0].zh
    turned = file_of({"type": "Polygon", "coordinates": [[[y, x] for x, y in circle(8)]]})
    assert "[经度，纬度]" in read_outlines(turned).refused[0].zh
    crs = {"type": "FeatureCollection", "crs": {"properties": {"name": "EPSG:3857"}}, "features": []}
    with pytest.raises(OutlineFileError) as refused:
        read_outlines(json.dumps(crs).encode())
    assert "EPSG:4326" in refused.value.message_zh
    nameless = file_of({"type": "Polygon", "coordinates": [circle(8)]}, colour="red")
    assert "name" in read_outlines(nameless).refused[0].zh


@settings(max_examples=60, deadline=None)
@given(longitude=st.floats(75, 135), latitude=st.floats(5, 50))
def test_gcj02_is_turned_back_to_a_decimetre(longitude: float, latitude: float) -> None:
    there = shifted(longitude, latitude)
    assert math.dist(to_wgs84(*there, "gcj02"), (longitude, latitude)) < 1e-6
    moved = math.dist(there, (longitude, latitude))
    assert 0.0001 < moved < 0.02
    assert to_wgs84(longitude, latitude, "wgs84") == (longitude, latitude)
