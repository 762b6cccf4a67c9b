"""Paths, modules, links and floors that the documentation names are those of the tree."""

import functools
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from alerting.detection.kit.plugins import GROUP as DETECTORS
from firmware_profiles.channels import CHANNELS, EVENTS
from shouwang.cli.main import app

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PROJECT["tool"]["importlinter"]
PACKAGES: list[str] = CONTRACTS["root_packages"]
GROUPS = {*PROJECT["project"]["entry-points"], DETECTORS}
"""Of entry points: those that we fill, and the one that is for others alone."""
FOLDERS = [*PACKAGES, "tests", "bench", "tools", "deploy", "docs"]
PAGES = [
    *(ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("deploy/**/*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
ARCHITECTURE = ROOT / "docs" / "architecture.md"


def spans(text: str) -> list[str]:
    """The words of all inline code; blocks of code are left out."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [word for span in re.findall(r"`([^`\n]+)`", prose) for word in span.split()]


@functools.cache
def file_names() -> frozenset[str]:
    return frozenset(file.name for folder in FOLDERS for file in (ROOT / folder).rglob("*"))


def test_paths_exist() -> None:
    missing = []
    words = [(page, word) for page in PAGES for word in spans(page.read_text())]
    for page, word in words:
        path = re.sub(r"<\w+>", "*", word.rstrip(",.;:"))  # a place for a name
        if path.startswith(tuple(f"{folder}/" for folder in FOLDERS)):
            found = any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()
        elif re.fullmatch(r"\w+\.py", path):
            found = path in file_names()
        else:
            continue
        if not found:
            missing.append((page.name, word))
    assert not missing


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something inside one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_modules_exist() -> None:
    missing = set()
    for page in PAGES:
        text = page.read_text()
        # not a part of a path, an address or a name of MQTT; not a file
        names = re.findall(rf"(?<![\w/.@-])((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?![\w/-])", text)
        names += re.findall(r"python -m ([\w.]+)", text)
        files = (".py", ".md", ".env", ".toml", ".service")
        names = [name for name in names if not name.endswith(files) and name not in GROUPS]
        missing |= {(page.name, name) for name in names if not resolves(name)}
    assert not missing


def blocks(text: str) -> list[str]:
    """Calls of ``shouwang`` in blocks of code, lines joined: their words after the program's name."""
    found = re.findall(r"^ *```(\w*)$(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    code = "\n".join(block for language, block in found if language in ("", "sh", "bash"))
    code = re.sub(r"\\\n *", "", code)
    return re.findall(r"^\s*(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?shouwang (\S.*?)(?:\s*#.*)?$", code, re.MULTILINE)


@functools.cache
def command_tree() -> Any:
    return typer.main.get_command(app)


def command_of(line: str) -> Any:
    """The command that a line calls; None where there is none of that name."""
    command, words = command_tree(), line.split()
    while (inner := getattr(command, "commands", None)) and words and not words[0].startswith("-"):
        if (command := inner.get(words.pop(0))) is None:
            return None
    return command


def test_commands_and_their_options_exist() -> None:
    wrong = []
    for page in PAGES:
        text = page.read_text()
        whole = blocks(text)
        for line in [*whole, *re.findall(r"`shouwang ((?!COMMAND)[^`]*)`", text)]:
            command = command_of(line)
            parameters = command.params if command is not None else []
            known = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
            used = set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", line))
            needed = [p.opts for p in parameters if p.required and p.opts[0].startswith("-") and not p.envvar]
            if command is None or used - known - {"--help"} or (line in whole and any(not used & {*o} for o in needed)):
                wrong.append((page.name, line))
    assert not wrong


def slugs(page: Path) -> Iterator[str]:
    """The anchors of a page, as GitHub makes them of its headings."""
    for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_and_their_anchors_lead_somewhere() -> None:
    missing = []
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())]
    for page, link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in slugs(target)):
            missing.append((page.name, link))
    assert not missing


def diagram() -> list[str]:
    """The floors of the house, as the page draws them, top down."""
    text = ARCHITECTURE.read_text().split("## The house")[1]
    return re.split(r"^─+$", text.split("```")[1], flags=re.MULTILINE)


def test_the_floors_are_those_of_the_contract() -> None:
    drawn = [set(re.findall(r"^(\w+) ", floor, re.MULTILINE)) for floor in diagram()]
    (contract,) = (c for c in CONTRACTS["contracts"] if "containers" not in c and c["type"] == "layers")
    assert drawn == [{name.strip() for name in layer.split("|")} for layer in contract["layers"]]


def test_every_folder_is_in_the_diagram() -> None:
    for part in re.split(r"^(?=\w)", "".join(diagram()), flags=re.MULTILINE)[1:]:
        package, inside = part.split(maxsplit=1)
        folders = {file.parent.name for file in (ROOT / package).glob("**/__init__.py")} - {package}
        assert folders - {"versions"} <= set(re.findall(r"\w+", inside.partition("\n")[2])), package


@pytest.mark.parametrize(
    "package", [p for p in PACKAGES if any(p in c.get("containers", ()) for c in CONTRACTS["contracts"])]
)
def test_the_order_inside_a_folder_is_that_of_its_contract(package: str) -> None:
    (part,) = (p for p in re.split(r"^(?=\w)", "".join(diagram()), flags=re.MULTILINE) if p.startswith(f"{package} "))
    drawn = re.sub(r" \([^()]*(\([^()]*\))?[^()]*\)", "", part.splitlines()[1])
    (layers,) = (c["layers"] for c in CONTRACTS["contracts"] if c.get("containers") == [package])
    folders = [[name.strip() for name in layer.split("|")] for layer in layers]
    wanted = [[n for n in names if (ROOT / package / n).is_dir()] for names in folders]
    assert [[n.strip() for n in level.split("|")] for level in drawn.split(">")] == [names for names in wanted if names]


def test_every_channel_and_event_is_described() -> None:
    text = ARCHITECTURE.read_text()
    assert [code for code in (*CHANNELS, *EVENTS) if f"`{code}`" not in text] == []
