"""The words about its rule that an alert carries, as the engine adds them."""

from typing import Any

import msgspec

from alerting.detection.detectors import all_rules
from vocabulary.rule_words import KEY


def about(rule: str) -> dict[str, Any]:
    """Evidence of an alert of this rule, with the rule's words and nothing else."""
    return {KEY: msgspec.to_builtins(all_rules()[rule].words)}
