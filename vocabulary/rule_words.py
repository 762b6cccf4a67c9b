"""The words that an alert carries about its rule, so that nothing that shows it has to know the rules."""

from collections.abc import Mapping
from typing import Any

import msgspec

KEY = "rule"
"""The key of :class:`RuleWords` in an alert's evidence."""


class RuleWords(msgspec.Struct, frozen=True, kw_only=True):
    """The name of a rule, in Chinese and English; all empty for an alert that does not say.

    ``outside_zh`` and ``outside_en``: its name in messages that pass through other hands, which tell nothing of a
    person's health; empty where the severity has to do. ``service``: the code of the service at home that such an alert
    asks for; empty for none in particular.
    """

    zh: str = ""
    en: str = ""
    outside_zh: str = ""
    outside_en: str = ""
    service: str = ""


def rule_words(evidence: Mapping[str, Any]) -> RuleWords:
    """The words about its rule in an alert's evidence."""
    try:
        return msgspec.convert(evidence.get(KEY) or {}, RuleWords)
    except msgspec.ValidationError:  # of an alert that another program wrote
        return RuleWords()
