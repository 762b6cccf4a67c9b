"""Read outlines of areas from GeoJSON (RFC 7946): checked, in WGS 84, simplified to what a map needs. Pure."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from care_network.errors import ProvisioningError
from care_network.importing.datum import Datum, to_wgs84

MOST_BYTES = 12 * 1024 * 1024
MOST_FEATURES = 5000
MOST_POINTS_READ = 100_000
MOST_POINTS = 600
"""Of one area after simplifying: at 30 bytes a point a street is 18 kB at most."""
TOLERANCE_M = 2.0
"""The first try of simplifying; doubled until MOST_POINTS are left."""
METRES_A_DEGREE = 111_320.0
DIGITS = 6
"""A tenth of a metre."""
PATHS = ("path", "area", "area_path", "code")
NAMES = ("name", "name_zh", "NAME", "Name", "名称", "name_en", "JDNAME", "XZQMC", "社区名称", "街道名称")
KNOWN_CRS = ("CRS84", "4326", "4490", "WGS 84", "WGS84", "CGCS2000")

Point = tuple[float, float]
Ring = list[Point]
Polygon = list[Ring]


class OutlineFileError(ProvisioningError, ValueError):
    """The file is no GeoJSON of outlines; the texts say what to do."""


class FoundOutline(msgspec.Struct, frozen=True):
    """An outline of the file: what its properties name, and its polygons."""

    path: str
    names: tuple[str, ...]
    polygons: list[Polygon]
    read: int
    """Points before simplifying."""

    @property
    def points(self) -> int:
        return sum(len(ring) for polygon in self.polygons for ring in polygon)

    @property
    def label(self) -> str:
        """Its name in a report."""
        return self.names[0] if self.names else self.path


class RefusedOutline(msgspec.Struct, frozen=True):
    """A feature that is no outline, with the reason in words."""

    label: str
    zh: str
    en: str


class OutlineFile(msgspec.Struct, frozen=True):
    """The outlines of a file, and the features that are none."""

    outlines: list[FoundOutline]
    refused: list[RefusedOutline]


class _FeatureError(Exception):
    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


def read_outlines(data: bytes, datum: Datum = "wgs84") -> OutlineFile:
    """Read a file's outlines. Raises OutlineFileError for one that has none at all to read."""
    if len(data) > MOST_BYTES:
        raise OutlineFileError(
            zh=f"文件超过 {MOST_BYTES // 1024 // 1024} MB。请只导出街道和社区的边界，或先简化",
            en=f"the file is larger than {MOST_BYTES // 1024 // 1024} MB: export streets and communities alone",
        )
    outlines: list[FoundOutline] = []
    refused: list[RefusedOutline] = []
    left = MOST_POINTS_READ
    for number, feature in enumerate(_features(_decoded(data)), start=1):
        path, names = _named(feature)
        label = (names or (path,))[0] or f"#{number}"
        try:
            polygons = [_polygon(rings) for rings in _shapes(feature)]
            read = sum(len(ring) for polygon in polygons for ring in polygon)
            left -= read
            if left < 0:
                raise OutlineFileError(
                    zh=f"文件中的点超过 {MOST_POINTS_READ} 个，请先简化再上传",
                    en=f"the file has more than {MOST_POINTS_READ} points: simplify it first",
                )
            if not path and not names:
                raise _FeatureError(
                    "没有 path 或 name 属性，无法知道是哪个区域",
                    "it has no property path or name: whose outline is it?",
                )
            placed = [
                [[_rounded(to_wgs84(*point, datum)) for point in ring] for ring in polygon]
                for polygon in simplified(polygons)
            ]
            outlines.append(FoundOutline(path, names, placed, read))
        except _FeatureError as error:
            refused.append(RefusedOutline(label, error.zh, error.en))
    if not outlines and not refused:
        raise OutlineFileError(
            zh="文件中没有任何区域边界（features 为空）", en="the file holds no outline: its features are empty"
        )
    return OutlineFile(outlines, refused)


def _decoded(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise OutlineFileError(
            zh="这不是 GeoJSON 文件（JSON 读不出来）。请在 QGIS 等软件中导出为 GeoJSON，编码 UTF-8",
            en="this is no GeoJSON: it cannot be read as JSON. Export it as GeoJSON in UTF-8, for instance from QGIS",
        ) from error
    if not isinstance(value, dict):
        raise OutlineFileError(
            zh="GeoJSON 须以 FeatureCollection 开头，请重新导出",
            en="GeoJSON begins with a FeatureCollection: export it again",
        )
    crs = value.get("crs")
    if crs is not None and not any(known in json.dumps(crs, ensure_ascii=False) for known in KNOWN_CRS):
        raise OutlineFileError(
            zh="坐标系不是经纬度（WGS84 或 CGCS2000）。请导出为 EPSG:4326",
            en="its coordinate system is not longitude and latitude (WGS 84 or CGCS2000): export it as EPSG:4326",
        )
    return value


def _features(value: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    features = [value] if value.get("type") == "Feature" else value.get("features")
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        raise OutlineFileError(
            zh="GeoJSON 中没有 features 列表。请导出为 FeatureCollection",
            en="the GeoJSON has no list of features: export it as a FeatureCollection",
        )
    if len(features) > MOST_FEATURES:
        raise OutlineFileError(
            zh=f"要素超过 {MOST_FEATURES} 个，请只导出本区的边界",
            en=f"it has more than {MOST_FEATURES} features: export the outlines of this district alone",
        )
    return features


def _named(feature: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    found = feature.get("properties")
    properties = found if isinstance(found, dict) else {}

    def texts(keys: Sequence[str]) -> Iterator[str]:
        for key in keys:
            value = properties.get(key)
            if isinstance(value, str) and value.strip() and len(value) <= 200 and value.isprintable():
                yield value.strip()

    return next(texts(PATHS), ""), tuple(dict.fromkeys(texts(NAMES)))


def _shapes(feature: Mapping[str, Any]) -> list[Any]:
    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if kind == "Polygon" and isinstance(coordinates, list):
        return [coordinates]
    if kind == "MultiPolygon" and isinstance(coordinates, list) and coordinates:
        return coordinates
    raise _FeatureError(f"不是面（{kind or '没有几何'}）。边界须为 Polygon 或 MultiPolygon",
                        f"it is no area ({kind or 'no geometry'}): outlines are Polygon or MultiPolygon")  # fmt: skip


def _polygon(rings: Any) -> Polygon:
    if not isinstance(rings, list) or not rings:
        raise _FeatureError("面没有边界线", "a polygon without a ring")
    return [_ring(ring) for ring in rings]


def _ring(ring: Any) -> Ring:
    if not isinstance(ring, list) or len(ring) < 4:
        raise _FeatureError("边界线少于 4 个点", "a ring of less than 4 points")
    points = [_point(point) for point in ring]
    if points[0] != points[-1]:
        points.append(points[0])
    if len(set(points)) < 3 or abs(_area(points)) < 1e-12:
        raise _FeatureError("边界没有面积", "a ring without an area")
    return points


def _point(point: Any) -> Point:
    if not isinstance(point, list) or len(point) < 2 or not all(_is_number(value) for value in point[:2]):
        raise _FeatureError("坐标不是数字", "coordinates that are no numbers")
    east, north = float(point[0]), float(point[1])
    if abs(east) <= 90 < abs(north) <= 180:
        raise _FeatureError(
            "经纬度的顺序反了，应为 [经度，纬度]", "latitude stands first: [longitude, latitude] is right"
        )
    if abs(east) > 180 or abs(north) > 90:
        raise _FeatureError(
            "坐标像是米（投影坐标），请导出为 EPSG:4326", "the coordinates look like metres: export them as EPSG:4326"
        )
    return east, north


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _area(ring: Ring) -> float:
    """Twice the signed area, in square degrees, about the first point (far from it the sums would cancel)."""
    x0, y0 = ring[0]
    pairs = itertools.pairwise(ring)
    return sum((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1), (x2, y2) in pairs)


def simplified(polygons: list[Polygon]) -> list[Polygon]:
    """Leave out points that lie within some metres of the line without them (Douglas and Peucker, 1973), as many as it
    takes to keep MOST_POINTS. Islands and holes that vanish are left out, the largest one stays."""
    tolerance = TOLERANCE_M
    while True:
        kept: list[Polygon] = []
        for polygon in polygons:
            outer = _thinned(polygon[0], tolerance)
            if len(outer) >= 4:
                holes = [thin for hole in polygon[1:] if len(thin := _thinned(hole, tolerance)) >= 4]
                kept.append([outer, *holes])
        if not kept:
            largest = max((polygon[0] for polygon in polygons), key=lambda ring: abs(_area(ring)))
            return [[_corners(largest)]]
        if sum(len(ring) for polygon in kept for ring in polygon) <= MOST_POINTS:
            return kept
        tolerance *= 2


def _corners(ring: Ring) -> Ring:
    """The box around a ring that is smaller than the tolerance."""
    west, east = min(x for x, _ in ring), max(x for x, _ in ring)
    south, north = min(y for _, y in ring), max(y for _, y in ring)
    box = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return [(round(x, DIGITS + 3), round(y, DIGITS + 3)) for x, y in box]


def _thinned(ring: Ring, tolerance_m: float) -> Ring:
    """A closed ring with fewer points; [] where nothing of it is left."""
    degrees = np.array(ring)
    flat = degrees * METRES_A_DEGREE * (math.cos(math.radians(ring[0][1])), 1.0)
    # the ring is cut at the point farthest from its first one: two lines, each simplified
    far = int(np.argmax(np.hypot(*(flat - flat[0]).T)))
    keep = {0, far, len(flat) - 1}
    waiting = [(0, far), (far, len(flat) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        off = _off(flat[first + 1 : last], flat[first], flat[last])
        at = first + 1 + int(np.argmax(off))
        if off[at - first - 1] > tolerance_m:
            keep.add(at)
            waiting += [(first, at), (at, last)]
    thin = [_rounded(ring[i]) for i in sorted(keep)]
    thin = [point for i, point in enumerate(thin) if i == 0 or point != thin[i - 1]]
    return thin if len(thin) >= 4 and len(set(thin)) >= 3 else []


def _off(points: NDArray[np.float64], begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far points lie from a stretch, in metres; shape [n]."""
    along = end - begin
    length2 = float(along @ along)
    share = np.clip((points - begin) @ along / length2, 0, 1) if length2 else np.zeros(len(points))
    return np.asarray(np.hypot(*(points - begin - share[:, None] * along).T))


def _rounded(point: Point) -> Point:
    return round(point[0], DIGITS), round(point[1], DIGITS)
