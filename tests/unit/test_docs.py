"""The documentation is true: commands, settings, topics, links and files it names exist, and none is left out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from firmware_profiles import wire
from shouwang.brokers.config import ALERTS
from shouwang.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *ROOT.glob("deploy/**/*.md"), *ROOT.glob("docs/**/*.md")]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


def everything() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def commands(group: object, before: str = "shouwang") -> list[str]:
    found = []
    for name, command in sorted(getattr(group, "commands", {}).items()):
        inner = commands(command, f"{before} {name}")
        found += inner or [f"{before} {name}"]
    return found


@pytest.mark.parametrize("readme", READMES, ids=lambda page: page.name)
def test_every_command_is_in_the_readme(readme: Path) -> None:
    text = readme.read_text()
    missing = [command for command in commands(typer.main.get_command(app)) if command not in text]
    assert not missing, f"not in {readme.name}"


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
    for file in (ROOT / "deploy" / "environment").glob("*.env"):
        used |= set(re.findall(r"^(SHOUWANG_[A-Z_]+)=", file.read_text(), re.MULTILINE))
    assert used
    assert not used - known


@pytest.mark.parametrize("topic", [*(f"care/v1/<shard>/<gateway>/{leaf}" for leaf in wire.LEAVES), ALERTS])
def test_every_topic_is_described(topic: str) -> None:
    assert topic in (ROOT / "docs" / "architecture.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_make_targets_named_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", everything())) | set(
        re.findall(r"^make ([a-z]+)", everything(), re.MULTILINE)
    )
    assert named
    assert not named - targets
