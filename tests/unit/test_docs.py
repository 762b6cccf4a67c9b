"""The documentation is true: commands, settings, topics, links and files it names exist, and none is left out."""

import importlib
import importlib.util
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from firmware_profiles import wire
from shouwang.brokers.config import ALERTS
from shouwang.cli.main import main
from tests.support.commands import commands

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *ROOT.glob("deploy/**/*.md"), *ROOT.glob("docs/**/*.md")]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


def everything() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def test_the_page_of_commands_is_what_the_program_has() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "commands_page.py"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert page == done.stdout, "run: python tools/commands_page.py > docs/commands.md"
    assert not [name for name, _ in commands() if f"`shouwang {name}" not in page]


@pytest.mark.parametrize("readme", READMES, ids=lambda page: page.name)
def test_the_readme_leads_to_the_page_of_commands_and_stays_short(readme: Path) -> None:
    text = readme.read_text()
    assert "(docs/commands.md)" in text
    assert len(text.splitlines()) <= 120, "three screens"


def test_commands_named_in_the_docs_exist() -> None:
    known = {name for name, _ in commands()}
    groups = {" ".join(name.split()[:depth]) for name in known for depth in (1, 2, 3)}
    named = re.findall(
        r"^(?:\.venv/bin/)?shouwang ((?:[a-z][a-z0-9-]*)(?: [a-z][a-z0-9-]*){0,2})", everything(), re.MULTILINE
    )
    named += re.findall(r"`shouwang ((?:[a-z][a-z0-9-]*)(?: [a-z][a-z0-9-]*){0,2})", everything())
    assert named
    unknown = {
        words
        for words in named
        if not any(" ".join(words.split()[:depth]) in known for depth in (1, 2, 3, 4)) and words not in groups
    }
    assert not unknown


MODULES = sorted(
    {
        name
        for page in [*ROOT.glob("deploy/**/*"), *ROOT.glob("docs/**/*.md"), *READMES]
        if page.is_file() and page.suffix in (".md", ".service", ".conf", ".env", ".sh", ".toml")
        for name in re.findall(r"python3? -m ([a-z_][a-z_.]*[a-z_])", page.read_text())
        if (ROOT / name.partition(".")[0]).is_dir()
    }
)


@pytest.mark.parametrize("module", MODULES)
def test_modules_that_the_docs_run_are_there(module: str) -> None:
    """``python -m MODULE`` of deploy/ and docs/: a service reads its settings, so it is only looked up, not started."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    if spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{module}.__main__")
        assert spec is not None, f"{module} is a folder without a __main__.py"
    assert spec.origin is not None
    assert '__name__ == "__main__"' in Path(spec.origin).read_text()
    if not module.startswith("bench"):  # needs an extra of its own
        importlib.import_module(spec.name)


def test_the_entries_answer() -> None:
    assert "shouwang.identities" in MODULES
    for command in (["-m", "shouwang"], ["-m", "shouwang.identities"], ["-m", "edge_agent"]):
        done = subprocess.run([sys.executable, *command, "--help"], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
    (script,) = entry_points(group="console_scripts", name="shouwang")
    assert script.load() is main


def test_the_page_of_access_has_the_table_of_permissions() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "access_page.py"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    page = (ROOT / "docs" / "access.md").read_text("utf-8")
    for table in done.stdout.split("\n\n"):
        assert table in page, "put in: python tools/access_page.py"


def test_the_settings_page_is_what_the_settings_say() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "settings_page.py"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert (ROOT / "docs" / "settings.md").read_text() == done.stdout, (
        "run: python tools/settings_page.py > docs/settings.md"
    )


def test_examples_name_settings_that_exist() -> None:
    known = set(re.findall(r"SHOUWANG_[A-Z_]+", (ROOT / "docs" / "settings.md").read_text()))
    used = set()
    # channels.env holds the secrets that a district's channels.toml names as it likes
    for file in set((ROOT / "deploy" / "environment").glob("*.env")) - {ROOT / "deploy/environment/channels.env"}:
        used |= set(re.findall(r"^(SHOUWANG_[A-Z_]+)=", file.read_text(), re.MULTILINE))
    assert used
    assert not used - known


@pytest.mark.parametrize("topic", [*(f"care/v1/<shard>/<gateway>/{leaf}" for leaf in wire.LEAVES), ALERTS])
def test_every_topic_is_described(topic: str) -> None:
    assert topic in (ROOT / "docs" / "architecture.md").read_text()


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
        missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
        assert not missing, page


def test_make_targets_named_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", everything())) | set(
        re.findall(r"^make ([a-z]+)", everything(), re.MULTILINE)
    )
    assert named
    assert not named - targets
