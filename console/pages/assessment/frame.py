"""Words and figures that every template of the assessment may use."""

from typing import Any

from fastapi import Request

from care_network.access.accounts import Account
from care_services.assessment import evidence
from care_services.assessment.proposals import KINDS
from care_services.assessment.proposals import STATES as PROPOSAL_STATES
from care_services.assessment.reasons import ACTIONS, REASONS, STATES
from care_services.assessment.scoring import DIAGNOSES
from care_services.assessment.standard import COMA, COMA_ITEM, standard
from console.shell.i18n import pick
from console.shell.views import language_of

WORDS: dict[str, Any] = {
    "reasons": REASONS, "states": STATES, "steps_of": ACTIONS, "diagnoses": DIAGNOSES, "evidence_words": evidence.words,
    "evidence_labels": evidence.LABELS, "proposal_kinds": KINDS, "proposal_states": PROPOSAL_STATES,
}  # fmt: skip


def words() -> dict[str, Any]:
    """The words with the standard itself."""
    return {**WORDS, "standard": standard(), "coma_item": COMA_ITEM, "coma": COMA}


def speaker(request: Request, account: Account) -> Any:
    """``say(zh, en)`` in the reader's language."""
    language = language_of(request, account)
    return lambda zh, en: pick(language, zh, en)
