"""One resident's page of care: traits that rules ask for, and a card of each part that has something to say."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Form, Request
from psycopg import Connection
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.core import traits
from care_services.core.facts import OF_THE_RECORD, TRAITS
from care_services.core.traits import Trait
from console.access.residents import load_resident
from console.pages.assessment import card as assessment_card
from console.pages.beds import card as beds_card
from console.pages.care.card import Card
from console.pages.care.frame import care_page
from console.pages.meals import card as meals_card
from console.pages.registers import card as register_card
from console.pages.services import card as services_card
from console.pages.timebank import card as timebank_card
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, RECORD = needs(Action.VIEW_CARE), needs(Action.RECORD_TRAITS)


CARDS: tuple[Callable[[Connection[Any], Account, dict[str, Any], dt.datetime], Card | None], ...] = (
    assessment_card.card,
    beds_card.bed_card,
    beds_card.grants_card,
    register_card.card,
    services_card.card,
    meals_card.card,
    timebank_card.card,
)
"""Makers of cards, in order: each gets the resident's row, and gives None to an account that may not see its part."""


@router.get("/care/residents/{code}", dependencies=[LOOK])
def resident_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    return _page(request, console, account, code)


def _page(
    request: Request,
    console: Console,
    account: Account,
    code: str,
    error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_care", origin_of(request))
        recorded = traits.of_resident(conn, account, code)
        cards = [card for make in CARDS if (card := make(conn, account, resident, now)) is not None]
    holding: dict[str, Trait] = {one.trait: one for one in reversed(recorded) if one.valid_until is None}
    answers = {code: one.holds for code, one in holding.items()}
    answers |= {code: resident[code] for code in OF_THE_RECORD if resident[code] is not None}
    for code in OF_THE_RECORD:  # a line of evidence that the record has outlived is shown with those that have ended
        if code in holding and holding[code].holds is not answers.get(code):
            del holding[code]
    return care_page(
        request, "care-resident.html", account, status_of(error) if error else 200, resident=resident, cards=cards,
        traits=TRAITS, answers=answers, holding=holding,
        ended=[one for one in recorded if one is not holding.get(one.trait)],
        today=now.astimezone(SHANGHAI).date(), filled=filled or {},
        message=message_of(request, error, account) if error else "", wrong=(error.field or "all") if error else "",
    )  # fmt: skip


@router.post("/care/residents/{code}/traits", dependencies=[RECORD])
def record(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    code: str,
    trait: Annotated[str, Form(max_length=40)],
    holds: Annotated[str, Form(max_length=5)],
    evidence: Annotated[str, Form(max_length=400)] = "",
    valid_from: Annotated[dt.date | None, Form()] = None,
) -> Response:
    """Record that a trait holds, or does not, from a day on."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            traits.record(
                conn, account, code, trait, holds=holds == "true", evidence=evidence,
                valid_from=valid_from or now.astimezone(SHANGHAI).date(), now=now, origin=origin_of(request),
            )  # fmt: skip
    except ProvisioningError as error:
        filled = {"trait": trait, "holds": holds, "evidence": evidence, "valid_from": str(valid_from or "")}
        return _page(request, console, account, code, error, filled)
    return RedirectResponse(f"/care/residents/{code}#traits", 303)
