"""A detector is one file: dropped into the folder it runs, with its parameters, its rules and its evidence."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alerting.detection import detectors
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import District, Person
from alerting.replay import what_if
from alerting.tuning import catalogue

START = 1_800_000_000_000_000
FILE = '''
"""Perfusion that is low: a cold hand, or a failing circulation."""

from alerting.detection.kit.context import COLUMN
from alerting.detection.kit.detector import Detector, Rule
from alerting.detection.kit.words import finding_about
from vocabulary.parameter import Parameter


class Perfusion(Detector):
    parameters = {"perfusion.low": Parameter(0.4, 0.1, 2, "%", "灌注偏低", "low perfusion")}
    rules = {"low_perfusion": Rule(again_s=3600, waits=True)}

    def learn(self, district):
        self.low = self.tuned(district, "perfusion.low")

    def look(self, steps):
        bins = steps.bins.of(COLUMN["perfusion_index"])
        for i in (bins.mean < self.low[bins.row]).nonzero()[0].tolist():
            person, value, end_us = steps.district.people[bins.row[i]], float(bins.mean[i]), int(bins.end_us[i])
            words = f"灌注指数 {value:.1f} %", f"perfusion index {value:.1f} %"
            evidence = {"kind": "perfusion"}
            yield finding_about(person, "low_perfusion", 1, "open", "urgent", end_us, end_us, *words, evidence)
'''
CACHES = (detectors.all_detectors, detectors.all_parameters, detectors.all_rules, catalogue.catalogue)


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "perfusion.py").write_text(FILE)
    monkeypatch.setattr(detectors, "__path__", [*detectors.__path__, str(tmp_path)])
    for cache in CACHES:
        cache.cache_clear()
    yield
    sys.modules.pop("alerting.detection.detectors.perfusion", None)
    for cache in CACHES:
        cache.cache_clear()


@pytest.mark.usefixtures("dropped_in")
def test_a_new_file_is_a_new_detector() -> None:
    assert what_if.parse(["perfusion.low=0.6"]) == {"perfusion.low": 0.6}
    engine = Engine(
        District(
            [
                Person(id=1, code="R0001", household_id=7, tuning={"perfusion.low": 0.6}),
                Person(id=2, code="R0002", household_id=8),
            ],
            {},
            {},
        ),
        START,
    )
    column = np.full(2, lane_of("perfusion_index"), np.int16)
    engine.readings(VitalColumns(np.arange(2, dtype=np.int32), column, np.full(2, START), np.full(2, 0.5, np.float32)))
    (found,) = engine.advance(START + 30_000_000)
    assert (found.rule, found.subject) == ("low_perfusion", "resident:R0001")
    assert found.evidence["parameters"] == {"perfusion.low": 0.6}
    assert engine.memory()


def test_it_is_gone_with_its_file() -> None:
    assert "low_perfusion" not in detectors.all_rules()
