"""Detectors of installed packages: found by their entry point, like ours everywhere; a broken one stops nothing."""

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from alerting.core.finding import Finding
from alerting.detection import detectors
from alerting.detection.engine.engine import Engine
from alerting.detection.engine.memory import decode_memory
from alerting.detection.kit.columns import VitalColumns, lane_of
from alerting.detection.kit.context import District, Person
from alerting.detection.kit.detector import CompleteSteps, Detector, Rule
from alerting.detection.kit.words import finding_about
from alerting.replay import what_if
from alerting.tuning import catalogue
from dispatch.alerts.evidence import lines, parameters
from shouwang.doctor.doctor import detectors_check
from vocabulary.rule_words import rule_words

PAGE = Path(__file__).parents[4] / "docs" / "write-a-detector.md"
EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]
START = 1_800_000_000_000_000
PEOPLE = [Person(id=1, code="R0001", household_id=7), Person(id=2, code="R0002", household_id=8)]
DISTRICT = District(PEOPLE, {}, {})
CACHES = (
    detectors.all_detectors,
    detectors.all_plugins,
    detectors.all_parameters,
    detectors.all_rules,
    catalogue.catalogue,
)
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module, with its entry points: a folder on the path, as pip leaves it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = []

    def install(module: str, text: str, **points: str) -> None:
        (tmp_path / f"{module}.py").write_text(text, "utf-8")
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        named = "".join(f"{name} = {module}:{kind}\n" for name, kind in points.items())
        (info / "entry_points.txt").write_text(f"[shouwang.detectors]\n{named}")
        modules.append(module)
        importlib.invalidate_caches()
        forget()

    yield install
    for module in modules:
        sys.modules.pop(module, None)
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cache in CACHES:
        cache.cache_clear()


def perfusion(engine: Engine, value: float, at_us: int = START) -> list[Finding]:
    column = np.full(2, lane_of("perfusion_index"), np.int16)
    values = np.full(2, value, np.float32)
    engine.readings(VitalColumns(np.arange(2, dtype=np.int32), column, np.full(2, at_us), values))
    return engine.advance(at_us + 30_000_000)


def test_an_installed_detector_is_one_like_ours(install: Install) -> None:
    install("acme", EXAMPLE, perfusion="Perfusion")
    assert list(detectors.all_detectors())[-1] == "perfusion"
    assert detectors.all_rules()["low_perfusion"].title == ("末梢灌注偏低", "low perfusion")
    assert what_if.parse(["perfusion.low=0.6"]) == {"perfusion.low": 0.6}
    tuned = msgspec.structs.replace(PEOPLE[0], tuning={"perfusion.low": 0.6})
    found = perfusion(Engine(District([tuned, PEOPLE[1]], {}, {}), START), 0.5)
    (alert,) = [finding for finding in found if finding.rule == "low_perfusion"]
    assert alert.subject == "resident:R0001"
    assert rule_words(alert.evidence).zh == "末梢灌注偏低"
    (line,) = parameters(alert.evidence, catalogue.catalogue())
    assert (line.label_zh, line.en) == ("灌注指数下限", "0.6 %")
    assert [line.label_en for line in lines(alert.evidence)] == ["time looked at", "measured", "value"]
    assert detectors_check().good


def test_it_is_gone_with_its_package() -> None:
    assert "low_perfusion" not in detectors.all_rules()


HEAD = "from alerting.detection.kit.detector import Detector, Rule\nfrom vocabulary.parameter import Parameter\n"
TITLED = "Rule(title=('一', 'one'))"
BROKEN = {
    "import": ("import a_library_that_is_not_there", "ModuleNotFoundError"),
    "syntax": ("class Mine(", "SyntaxError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "missing": ("x = 1", "AttributeError"),
    "no detector": ("class Mine: ...", "no subclass of"),
    "a taken rule": (
        f"class Mine(Detector):\n rules = {{'fall': {TITLED}}}",
        "fall is one of the rules of falls.Falls",
    ),
    "an untitled rule": ("class Mine(Detector):\n rules = {'mine': Rule()}", "title=(Chinese, English)"),
    "a rule's name": (f"class Mine(Detector):\n rules = {{'Mine!': {TITLED}}}", "lower case"),
    "no rule": ("class Mine(Detector):\n rules = {'mine': 1}", "a Rule(…)"),
    "a taken parameter": (
        "class Mine(Detector):\n parameters = {'climate.hot': Parameter(1, 0, 2, '', '一', 'one')}",
        "climate.hot is one of the parameters of climate.Climate",
    ),
    "a limit": (
        "class Mine(Detector):\n parameters = {'limit.mine': Parameter(1, 0, 2, '', '一', 'one')}",
        "<detector>.<parameter>",
    ),
    "a default": (
        "class Mine(Detector):\n parameters = {'mine.one': Parameter(3, 0, 2, '', '一', 'one')}",
        "outside of its own limits",
    ),
    "an init": ("class Mine(Detector):\n def __init__(self): self.x = 1 / 0", "ZeroDivisionError"),
    "a district": ("class Mine(Detector):\n def learn(self, district): district.people[0]", "IndexError"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_is_left_out_and_said_so(install: Install, what: str) -> None:
    text, reason = BROKEN[what]
    install("broken", f"{HEAD}{text}", mine="Mine")
    install("sound", EXAMPLE, perfusion="Perfusion")
    assert set(detectors.all_detectors()) - set(detectors.own_detectors()) == {"perfusion"}
    (fault,) = [plugin for plugin in detectors.all_plugins() if plugin.fault]
    assert (fault.name, fault.package) == ("mine", "broken 1.2")
    assert reason in fault.fault
    check = detectors_check()
    assert not check.good
    assert "mine (broken 1.2) is left out" in check.text
    assert len(perfusion(Engine(DISTRICT, START), 0.2)) == 2


def test_two_packages_that_claim_one_name(install: Install) -> None:
    install("acme", EXAMPLE, perfusion="Perfusion")
    install("zulu", EXAMPLE, perfusion="Perfusion", second="Perfusion")
    faults = {plugin.name: plugin.fault for plugin in detectors.all_plugins() if plugin.fault}
    assert "another detector is called perfusion" in faults["perfusion"]
    assert "low_perfusion is one of the rules of perfusion" in faults["second"]


# at work: the engine reports a failure, and the others go on


class Unkept(msgspec.Struct):
    thing: Any = None


class Failing(Detector):
    """Fails in every method that nothing else guards."""

    rules: ClassVar = {"failing": Rule(title=("出错", "failing"))}

    def __init__(self) -> None:
        super().__init__()
        self.state = Unkept(object())

    def learn(self, district: District) -> None:
        raise RuntimeError("learn")

    def offline(self, gateway: str, now_us: int) -> None:
        raise RuntimeError("offline")

    def cut_off(self) -> None:
        raise RuntimeError("cut_off")

    def restored(self) -> None:
        raise RuntimeError("restored")


class Wrong(Detector):
    """Gives findings that nobody could send."""

    rules: ClassVar = {"wrong": Rule(title=("错误", "wrong"))}
    changes: ClassVar[dict[str, Any]] = {}

    def look(self, steps: CompleteSteps) -> Iterable[Finding]:
        words = "错误", "wrong"
        finding = finding_about(PEOPLE[0], "wrong", 1, "open", "urgent", START, START, *words, {"kind": "wrong"})
        yield msgspec.structs.replace(finding, **self.changes)


def test_whatever_fails_is_reported_and_the_others_go_on(install: Install) -> None:
    install("sound", EXAMPLE, perfusion="Perfusion")
    every = {"failing": Failing, "perfusion": detectors.all_detectors()["perfusion"]}
    faults: list[str] = []
    engine = Engine(DISTRICT, START, every, failed=lambda name, error: faults.append(f"{name} {error}"))
    engine.offline("gw-1", START)
    engine.cut_off()
    assert len(perfusion(engine, 0.2)) == 2
    memory = engine.memory()
    assert faults[:3] == ["failing learn", "failing offline", "failing cut_off"]
    assert "failing" in faults[3]
    again = Engine(DISTRICT, START, every, failed=lambda name, error: faults.append(f"{name} {error}"))
    assert again.recall(decode_memory(memory)) == ["failing"]
    assert "failing restored" in faults
    assert [finding.action for finding in perfusion(again, 1.9, START + 60_000_000)] == ["clear", "clear"]


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "fatal"},
        {"action": "shout"},
        {"onset_us": np.int64(START)},
        {"reason_zh": None},
        {"household_id": "7"},
        {"evidence": {"value": np.float32(1)}},
        {"evidence": {"person": PEOPLE[0], "of": object()}},
        {"evidence": None},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_finding_that_nobody_could_send_is_its_detector_s_failure(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wrong, "changes", changes)
    faults: list[str] = []
    engine = Engine(DISTRICT, START, {"wrong": Wrong}, failed=lambda name, error: faults.append(name))
    assert perfusion(engine, 0.2) == []
    assert faults == ["wrong"]
