"""Rules that are data: each subject in words, its versions, an editor, and whom new rules would concern."""

import datetime as dt
from typing import Annotated

from fastapi import Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.core import rule_book, trial
from care_services.core.rules import RuleSet, Subject, condition_words, read_rules
from care_services.core.trial import Trial
from care_services.subjects import SUBJECTS, TRIALS
from console.pages.care.frame import care_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, SET = needs(Action.VIEW_CARE), needs(Action.SET_CARE_RULES)


@router.get("/care/rules", dependencies=[LOOK])
def rules_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """List the subjects, and since when their rules hold."""
    with console.database() as conn:
        newest = {code: next(iter(rule_book.versions(conn, subject)), None) for code, subject in SUBJECTS.items()}
    return care_page(request, "care-rules.html", account, subjects=SUBJECTS, newest=newest)


@router.get("/care/rules/{subject}", dependencies=[LOOK])
def subject_page(
    request: Request, console: Shared, account: CurrentAccount, subject: str, version: int = 0
) -> Response:
    """Show the rules of a subject that hold today, or an earlier version."""
    return _page(request, console, account, _subject(subject), version=version)


@router.post("/care/rules/{subject}", dependencies=[SET])
def put(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    subject: str,
    based_on: Annotated[int, Form()],
    text: Annotated[str, Form(max_length=65_536)],
    valid_from: Annotated[dt.date | None, Form()] = None,
    note: Annotated[str, Form(max_length=400)] = "",
    sure: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Set rules: first they are tried on the residents of the area, then, when the author is sure, they are set."""
    one, now = _subject(subject), dt.datetime.now(dt.UTC)
    today = now.astimezone(SHANGHAI).date()
    filled = {"text": text, "valid_from": str(valid_from or today), "note": note}
    tried: Trial | list[tuple[str, str]] | None = None
    try:
        new = read_rules(text, one)
        with console.database() as conn:
            if not sure and one.code in TRIALS:
                tried = TRIALS[one.code](conn, rule_book.current(conn, one, today), new, valid_from or today)
            elif not sure:
                tried = trial.of_area(conn, account, rule_book.current(conn, one, today), new, valid_from or today)
            else:
                rule_book.put(
                    conn, account, one, text, valid_from=valid_from or today, note=note, based_on=based_on, now=now,
                    origin=origin_of(request),
                )  # fmt: skip
    except ProvisioningError as error:
        return _page(request, console, account, one, error=error, filled=filled)
    if sure:
        return RedirectResponse(f"/care/rules/{one.code}", 303)
    return _page(request, console, account, one, filled=filled, tried=tried, new=new, based_on=based_on)


def _subject(code: str) -> Subject:
    if code not in SUBJECTS:
        raise HTTPException(404)
    return SUBJECTS[code]


def _page(
    request: Request,
    console: Console,
    account: Account,
    subject: Subject,
    *,
    version: int = 0,
    error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
    tried: Trial | list[tuple[str, str]] | None = None,
    new: RuleSet | None = None,
    based_on: int | None = None,
) -> Response:
    language, today = language_of(request, account), dt.datetime.now(dt.UTC).astimezone(SHANGHAI).date()
    with console.database() as conn:
        versions = rule_book.versions(conn, subject)
        text = rule_book.text_of(conn, subject, today)
    chosen = next((one for one in versions if one.version == version), None)
    shown = new or read_rules(chosen.text if chosen else text, subject)
    conditions = {
        rule.code: [condition_words(one, subject, language) for one in rule.when] for rule in shown.rules
    }  # fmt: skip
    newest = versions[0].version if versions else 0
    return care_page(
        request, "care-rule-set.html", account, status_of(error) if error else 200, subject=subject, shown=shown,
        conditions=conditions, versions=versions, chosen=chosen, today=today, tried=tried,
        filled=filled or {"text": versions[0].text if versions else text, "valid_from": str(today), "note": ""},
        based_on=newest if based_on is None else based_on,
        message=message_of(request, error, account) if error else "",
    )  # fmt: skip
