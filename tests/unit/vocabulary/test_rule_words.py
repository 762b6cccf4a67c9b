"""The words that an alert carries about its rule are read with care: another program may have written it."""

import msgspec
import pytest

from vocabulary.rule_words import KEY, RuleWords, rule_words

WORDS = RuleWords(zh="室温过高", en="room too hot", service="wellness_check")


def test_words_survive_the_alert() -> None:
    assert rule_words({KEY: msgspec.to_builtins(WORDS)}) == WORDS


@pytest.mark.parametrize("evidence", [{}, {KEY: None}, {KEY: "heat"}, {KEY: {"zh": 1}}, {KEY: []}])
def test_an_alert_without_words_has_none(evidence: dict[str, object]) -> None:
    assert rule_words(evidence) == RuleWords()
