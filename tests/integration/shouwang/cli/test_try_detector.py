"""``shouwang alerting try`` runs one detector on a recording; the worked example of the docs does as its page says."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alerting.detection import detectors
from alerting.tuning import catalogue
from shouwang.cli.main import app

PAGE = (Path(__file__).parents[4] / "docs" / "write-a-detector.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def block(language: str) -> str:
    """The first block of the page in a language."""
    return next(text for name, text in BLOCKS if name == language)


def shouwang(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "160", "TERM": "dumb"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the files of the page."""
    (tmp_path / "low_perfusion.py").write_text(block("python"), "utf-8")
    (tmp_path / "readings.csv").write_text(block("csv"), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_worked_example_says_what_the_page_shows() -> None:
    command = block("sh").split()
    assert command[0] == "shouwang"
    done = shouwang(*command[1:])
    assert done.exit_code == 0, done.output
    assert done.output == block("text")


def test_the_worked_example_is_short() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 40


@pytest.mark.usefixtures("folder")
def test_what_was_tried_is_gone_afterwards() -> None:
    assert shouwang("alerting", "try", "./low_perfusion.py", "--csv", "readings.csv").exit_code == 0
    assert "low_perfusion" not in detectors.all_detectors()
    assert "low_perfusion" not in detectors.all_rules()
    assert "perfusion.low" not in catalogue.catalogue()


def test_residents_and_their_own_parameters(folder: Path) -> None:
    file = folder / "residents.toml"
    file.write_text('[[resident]]\ncode = "R0001"\nlimits.heart_rate = { high = 90 }\n')
    (folder / "fast.csv").write_text(
        "time,resident,device,channel,value\n"
        + "".join(
            f"2026-03-01T08:{m:02}:{s:02}Z,R0001,radar,heart_rate,100\n" for m in range(6) for s in range(0, 60, 5)
        )
    )
    done = shouwang("alerting", "try", "limits", "--csv", "fast.csv", "--residents", file)
    assert done.exit_code == 0
    assert "limit_heart_rate 预警 加急" in done.output
    assert "→ 0 findings" in shouwang("alerting", "try", "limits", "--csv", "fast.csv").output


def test_a_file_of_ours_is_tried_by_its_path_too(folder: Path) -> None:
    (folder / "hot.csv").write_text(
        "time,resident,device,channel,value\n"
        + "".join(f"2026-03-01T{8 + m // 60:02}:{m % 60:02}:00Z,R0001,climate,room_temperature,36\n" for m in range(90))
    )
    ours = Path(detectors.__file__).parent / "climate.py"
    done = shouwang("alerting", "try", ours, "--csv", "hot.csv")
    assert done.exit_code == 0, done.output
    assert "climate.Climate" in done.output
    assert "heat 预警" in done.output


BROKEN = {
    "no_python.py": ("def (", "cannot be run: SyntaxError"),
    "nothing.py": ("x = 1", "defines 0 detectors"),
    "ours.py": (
        "from alerting.detection.kit.detector import Detector, Rule\n"
        "class Mine(Detector):\n    rules = {'news2': Rule(title=('一', 'one'))}",
        "news2 is one of the rules of news2.News2",
    ),
    "untitled.py": (
        "from alerting.detection.kit.detector import Detector, Rule\n"
        "class Mine(Detector):\n    rules = {'mine': Rule()}",
        "rule mine: give it a title",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_can_not_be_used_is_refused_with_the_reason(folder: Path, name: str) -> None:
    text, reason = BROKEN[name]
    (folder / name).write_text(text)
    done = shouwang("alerting", "try", f"./{name}", "--csv", "readings.csv")
    assert done.exit_code == 1
    assert reason in done.output


@pytest.mark.usefixtures("folder")
def test_a_name_that_is_not_there_is_refused_in_both_languages() -> None:
    done = shouwang("alerting", "try", "perfusion", "--csv", "readings.csv")
    assert done.exit_code == 1
    assert "没有检测器 perfusion" in done.output
    assert "no detector 'perfusion'" in done.output
    assert "climate" in done.output


def test_a_detector_that_fails_is_told(folder: Path) -> None:
    text = block("python").replace('"value": round(value, 1)', '"value": bins.mean[i]')
    (folder / "numpy_number.py").write_text(text)
    done = shouwang("alerting", "try", "./numpy_number.py", "--csv", "readings.csv")
    assert done.exit_code == 1
    assert "numpy.float32" in done.output
    assert "检测器运行出错" in done.output


def test_all_detectors_are_listed() -> None:
    done = shouwang("alerting", "detectors")
    assert done.exit_code == 0
    for name in detectors.all_detectors():
        assert name in done.output
    for name, rule in detectors.all_rules().items():
        assert f"{name}: {rule.title[0]} {rule.title[1]}" in done.output
