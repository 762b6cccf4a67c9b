"""Texts for people in Chinese have full-width punctuation (GB/T 15834)."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]
ENDS = {".py", ".toml", ".html", ".po", ".js"}
HALF = re.compile(r"[\u4e00-\u9fff”][,;:!?()]|[,;:!(][\u4e00-\u9fff“]")


def texts(file: Path) -> Iterator[str]:
    """The strings of a program, its docstrings left out; the whole of another file."""
    text = file.read_text()
    if file.suffix != ".py":
        yield text
    if file.suffix != ".py" or not HALF.search(text):
        return
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_punctuation_is_full_width() -> None:
    files = [file for name in PACKAGES for file in (ROOT / name).rglob("*") if file.suffix in ENDS]
    assert len(files) > 500
    assert not [(str(file), found[0]) for file in files for text in texts(file) if (found := HALF.search(text))]


def test_what_follows_a_translated_word_is_full_width_in_chinese() -> None:
    """A mark behind ``_(…)`` in a template is that of the language: ``pick("：", ": ")``."""
    behind = re.compile(r"_\([^}]*\)(?: \| \w+)? \}\}[:;,!?]")
    templates = list((ROOT / "console").rglob("*.html"))
    assert len(templates) > 50
    assert not [(file.name, found[0]) for file in templates if (found := behind.search(file.read_text()))]
