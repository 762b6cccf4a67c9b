"""Errors in two languages: neither text can be left out or swapped, and every raise gives real Chinese."""

import ast
import re
from pathlib import Path

import pytest

from care_network.errors import CareNetworkError, KeyFileError, LoginRefusedError, ProvisioningError
from vocabulary.errors import BilingualError

ROOT = Path(__file__).parents[3]
FOLDERS = ("alerting", "care_network", "care_services", "console", "dispatch", "shouwang", "vocabulary")
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("kind", [BilingualError, CareNetworkError, KeyFileError, LoginRefusedError, ProvisioningError])
def test_both_texts_are_required_by_name(kind: type[BilingualError]) -> None:
    error = kind(en="no such home", zh="没有此住户")
    assert (str(error), error.message_en, error.message_zh) == ("no such home", "no such home", "没有此住户")
    for given in ({"en": "no such home"}, {"zh": "没有此住户"}):
        with pytest.raises(TypeError):
            kind(**given)
    with pytest.raises(TypeError):
        kind("没有此住户", "no such home")  # type: ignore[call-arg]


def trees() -> list[tuple[str, ast.Module]]:
    files = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    return [(str(file.relative_to(ROOT)), ast.parse(file.read_text("utf-8"))) for file in files]


def name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_every_chinese_text_is_chinese_and_every_english_one_is_not() -> None:
    modules = trees()
    kinds = {"BilingualError"}
    classes = [node for _, tree in modules for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while more := {each.name for each in classes if kinds & {name_of(base) for base in each.bases}} - kinds:
        kinds |= more
    assert len(kinds) > 10
    texts = 0
    for file, tree in modules:
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or name_of(call.func) not in kinds:
                continue
            for given in call.keywords:
                # A text that is a variable or another error's is not looked at.
                written = [part.value for part in ast.walk(given.value) if isinstance(part, ast.Constant)]
                text = "".join(part for part in written if isinstance(part, str))
                if given.arg == "zh" and isinstance(given.value, ast.Constant | ast.JoinedStr):
                    # f"{what}：{zh}" has its Chinese in a variable.
                    assert HAN.search(text) or "zh" in ast.dump(given.value), f"{file}:{call.lineno}: {text!r}"
                    texts += 1
                if given.arg == "en":
                    assert not HAN.search(text), f"{file}:{call.lineno}: Chinese in {text!r}"
    assert texts > 100
