"""On the demonstration's map nothing lies on something else: compounds apart, each home a dot of its own."""

import itertools
import json
from importlib.resources import files

from care_network.demo.district import home_place
from care_network.demo.places import COMPOUNDS

Ring = list[list[float]]


def outline_of(path: str) -> Ring:
    text = files("care_network.demo").joinpath("outlines.geojson").read_text(encoding="utf-8")
    ring: Ring
    (ring,) = (one["geometry"]["coordinates"][0] for one in json.loads(text)["features"]
               if one["properties"]["path"] == path)  # fmt: skip
    return ring


def box(ring: Ring) -> tuple[float, float, float, float]:
    east, north = zip(*ring, strict=True)
    return min(east), min(north), max(east), max(north)


def test_compounds_lie_apart_and_around_their_point() -> None:
    boxes = {compound.area.path: box(outline_of(compound.area.path)) for compound in COMPOUNDS}
    for (_, one), (_, other) in itertools.combinations(boxes.items(), 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    for compound in COMPOUNDS:
        west, south, east, north = boxes[compound.area.path]
        assert west < (compound.area.longitude or 0) < east
        assert south < (compound.area.latitude or 0) < north


def test_each_home_of_a_compound_has_a_place_of_its_own_within_it() -> None:
    for at, compound in enumerate(COMPOUNDS):
        homes = [home_place(number) for number in range(at + 1, at + 1 + 60 * len(COMPOUNDS), len(COMPOUNDS))]
        assert len(set(homes)) == 60
        west, south, east, north = box(outline_of(compound.area.path))
        assert all(west < longitude < east and south < latitude < north for longitude, latitude in homes)
