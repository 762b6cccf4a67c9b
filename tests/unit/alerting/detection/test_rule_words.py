"""A rule's words stand in its detector alone; its alerts carry them to whatever shows them."""

import ast
import re
from pathlib import Path

import pytest

from alerting.detection.detectors import all_rules
from alerting.detection.kit.detector import Rule
from care_network.catalogues.services import SERVICES

ROOT = Path(__file__).parents[4]
KINDS_OF_EVIDENCE = {
    "console/pages/desk/_why.html": {"news2", "news2_trend", "fall"},
    "dispatch/alerts/evidence.py": {"news2", "news2_trend"},
    # kinds of events that a gateway's page lists for whoever repairs it
    "care_network/upkeep/gateway_page.py": {"device_fault", "battery_low", "button_test_due", "readings_lost"},
}
"""Kinds of evidence that an alert's page draws by itself, and kinds of events; a kind may have the name of a rule."""


@pytest.mark.parametrize("name", sorted(all_rules()))
def test_every_rule_has_its_words(name: str) -> None:
    rule = all_rules()[name]
    words = rule.words
    assert words.zh, "give the rule a title=(Chinese, English)"
    assert words.en
    assert not re.search(r"[,:;()]", words.zh), "full-width punctuation (GB/T 15834)"
    assert bool(words.outside_zh) == bool(words.outside_en)
    assert not rule.service or rule.service in SERVICES


def test_no_two_rules_have_one_title() -> None:
    titles = [rule.title for rule in all_rules().values()]
    assert len(set(titles)) == len(titles)


def test_a_title_may_be_told_outside_as_it_is_or_in_other_words_or_not_at_all() -> None:
    title = ("血氧过低", "low oxygen")
    assert Rule(title=title).words.outside_zh == ""
    assert Rule(title=title, outside="title").words.outside_zh == "血氧过低"
    words = Rule(title=title, outside=("生命体征异常", "vital signs")).words
    assert (words.zh, words.outside_zh, words.outside_en) == ("血氧过低", "生命体征异常", "vital signs")


def test_what_is_told_outside_names_no_vital_sign() -> None:
    """SMS and calls pass through other hands: 'vital signs', and never which."""
    private = re.compile(
        "心率|呼吸|血氧|血压|收缩|舒张|体温|血糖|体重|NEWS|heart|breath|oxygen|pressure|glucose|weight"
    )
    for name, rule in all_rules().items():
        assert not private.search(rule.words.outside_zh + rule.words.outside_en), name


def test_dispatch_console_and_network_name_no_rule() -> None:
    """They read ``evidence['rule']``: a rule of a plug-in, which they do not have, is shown like one of ours."""
    named = []
    for folder in ("dispatch", "console", "care_network"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            literals = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Constant)]
            named += [
                f"{file.relative_to(ROOT)}:{node.lineno}: {node.value}"
                for node in literals
                if node.value in all_rules().keys() - KINDS_OF_EVIDENCE.get(str(file.relative_to(ROOT)), set())
            ]
        for file in sorted((ROOT / folder).rglob("*.html")):
            name = str(file.relative_to(ROOT))
            known = set(re.findall(r"[\"'](\w+)[\"']", file.read_text("utf-8"))) & set(all_rules())
            named += [f"{name}: {rule}" for rule in sorted(known - KINDS_OF_EVIDENCE.get(name, set()))]
    assert named == []
