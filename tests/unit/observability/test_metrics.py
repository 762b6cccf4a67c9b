"""The metrics: one file names them all, a page describes them, and rules and dashboard use no other."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from observability import exposition, metrics
from observability.liveness import Liveness
from observability.metrics import EVERY, SERVICES, families
from shouwang.brokers.pki import Pki

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "shouwang.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "shouwang.json"
FAMILIES = {family.name: family for service in (EVERY, *SERVICES) for family in families(service)}


def series() -> set[str]:
    """Every name that a query may use: a histogram has three."""
    return {
        name + suffix
        for name, family in FAMILIES.items()
        for suffix in (("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",))
    }


def named(text: str) -> set[str]:
    return set(re.findall(r"\bshouwang_[a-z0-9_]+", text))


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_the_page_of_metrics_is_what_the_file_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "metrics_page.py"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert (ROOT / "docs" / "metrics.md").read_text() == done.stdout, (
        "run: python tools/metrics_page.py > docs/metrics.md"
    )


def test_no_other_file_makes_a_metric() -> None:
    makers = re.compile(r"^\s*(?:from|import) prometheus_client", re.MULTILINE)
    packages = [path.parent for path in ROOT.glob("*/py.typed")]
    files = [file for package in packages for file in package.rglob("*.py") if makers.search(file.read_text())]
    assert {file.relative_to(ROOT).as_posix() for file in files} == {
        "observability/metrics.py",
        "observability/exposition.py",
    }


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_a_name_follows_the_conventions(family: metrics.Family) -> None:
    assert re.fullmatch(r"shouwang_[a-z_]+", family.name)
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert family.kind != "histogram" or family.name.endswith("_seconds")
    assert family.meaning
    assert not family.meaning.endswith(".")
    assert not {"resident", "household", "gateway", "device", "phone", "name"} & set(family.labels), "few and nameless"


def test_no_name_stands_there_twice() -> None:
    assert sum(len(families(service)) for service in (EVERY, *SERVICES)) == len(FAMILIES)


def test_rules_use_names_that_exist() -> None:
    expressions = re.findall(r"expr:(.*?)(?:for:|labels:)", RULES.read_text(), re.DOTALL)
    assert len(expressions) > 10
    assert not {name for text in expressions for name in named(text)} - series()


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    used = {name for query in queries() for name in named(query)}
    assert not used - series()
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    assert set(FAMILIES) - shown <= {"shouwang_part_live"}, "a metric that nobody looks at"


def test_panels_have_numbers_and_places_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def test_the_rules_do_what_they_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    for command in (
        ["check", "rules", "shouwang.rules.yml"],
        ["test", "rules", "shouwang.rules.test.yml"],
        ["check", "config", "prometheus.yml"],
    ):
        done = subprocess.run([promtool, *command], cwd=RULES.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_program_shows_its_own_metrics_and_those_of_all(tmp_path: Path) -> None:
    liveness = Liveness()
    liveness.part("store").held_up("the database is away")
    liveness.part("broker link")
    certificate, _ = Pki(tmp_path).client("svc-ingest")
    liveness.certificates = [certificate, tmp_path / "nothing.crt"]
    text = exposition.expose("ingest", liveness)[0].decode()
    assert 'shouwang_part_up{part="store"} 0.0' in text
    assert 'shouwang_part_live{part="store"} 1.0' in text
    assert 'shouwang_broker_connected{link="broker link"} 1.0' in text
    assert re.search(r'shouwang_certificate_expires_seconds\{file="[^"]+"\} [0-9.e+]+', text)
    assert "nothing.crt" not in text
    assert "shouwang_readings_stored_total" in text
    assert "shouwang_ladder_steps_total" not in text
    assert "_created" not in text
