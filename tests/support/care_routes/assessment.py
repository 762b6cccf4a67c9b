"""The pages of the ability assessment."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from care_network.ability import standing
from care_services.assessment import life, proposals
from care_services.assessment.standard import standard
from care_services.assessment.store import Fields
from tests.support.network import account
from tests.support.route_example import Example

FULL = Fields(
    answers={code: max(item.maximum - 2, 1) for code, item in standard().items.items()}, diagnosis="none",
    events={one.code: 0 for one in standard().risks},
)  # fmt: skip


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _draft(city: Any, fields: Fields = FULL) -> tuple[int, int]:
    """(number, version) of a draft of R1's by the carer; what was open before is put aside."""
    carer = account(city.conn, "carer")
    city.conn.execute("UPDATE assessment SET state = 'discarded' WHERE state = 'draft'")
    city.conn.execute(
        "UPDATE assessment SET state = 'objected', second_at = now(), second_zh = '某', second_en = 'Somebody'"
        " WHERE state = 'signed'"
    )
    there = city.conn.execute("SELECT FROM assessment WHERE state = 'in_force'").fetchone()
    number = life.begin(city.conn, carer, "R1", "first" if there is None else "routine", _now(), "test")
    return number, life.save(city.conn, carer, number, 1, fields, _now(), "test").version


def _signed(city: Any) -> tuple[int, int]:
    number, version = _draft(city)
    return number, life.sign(city.conn, account(city.conn, "carer"), number, version, _now(), "test").version


def _in_force(city: Any) -> int:
    number, version = _signed(city)
    life.confirm(city.conn, account(city.conn, "station"), number, version, _now(), "test")
    return number


def _proposal(city: Any) -> proposals.Proposal:
    _in_force(city)
    return proposals.waiting(city.conn, account(city.conn, "station"))[0]


def _save(city: Any, _: Any) -> Example:
    number, version = _draft(city)
    return Example(f"/care/assessments/{number}/draft", {"seen": version, "answer.eating": "4"}, success=303)


def _sign(city: Any, _: Any) -> Example:
    number, version = _draft(city)
    return Example(f"/care/assessments/{number}/sign", {"seen": version, "act": "sign"}, success=303)


def _discard(city: Any, _: Any) -> Example:
    number, version = _draft(city)
    return Example(f"/care/assessments/{number}/discard", {"seen": version, "sure": "yes"}, success=303)


def _correct(city: Any, _: Any) -> Example:
    number, version = _signed(city)
    life.object_to(city.conn, account(city.conn, "station"), number, version, "不符", _now(), "test")
    return Example(f"/care/assessments/{number}/correct", {}, success=303)


def _begin(city: Any, _: Any) -> Example:
    _in_force(city)
    return Example("/care/residents/R1/assessments", {"reason": "routine"}, success=303)


def _decline(city: Any, _: Any) -> Example:
    one = _proposal(city)
    return Example(f"/care/proposals/{one.id}", {"seen": one.version, "act": "decline", "note": "不用"}, success=303)


def _withdraw(city: Any, _: Any) -> Example:
    at = _now()
    (resident,) = city.conn.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone()
    lead = account(city.conn, "lead")
    standing.approve(city.conn, lead, resident, "severe", at.date(), 1, "", at, "test")
    (seen,) = city.conn.execute("SELECT max(id) FROM ladder_grade").fetchone()
    return Example("/care/residents/R1/ladder", {"seen": seen, "why": "家人同住"}, success=303)


def _take(city: Any, _: Any) -> Example:
    return Example(f"/care/assessments-today/data?number={_draft(city)[0]}")


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /assessment-worker.js": lambda *_: Example("/assessment-worker.js"),
    "GET /care/assessments-today": lambda *_: Example("/care/assessments-today"),
    "GET /care/assessments-today/data": _take,
    "GET /care/assessments-tablet": lambda *_: Example("/care/assessments-tablet"),
    "GET /care/assessments": lambda *_: Example("/care/assessments?view=all"),
    "GET /care/residents/{code}/assessments": lambda *_: Example("/care/residents/R1/assessments"),
    "POST /care/residents/{code}/assessments": _begin,
    "GET /care/assessments/{assessment_id}": lambda city, _: Example(f"/care/assessments/{_in_force(city)}"),
    "POST /care/assessments/{assessment_id}/draft": _save,
    "GET /care/assessments/{assessment_id}/sign": lambda city, _: Example(f"/care/assessments/{_signed(city)[0]}/sign"),
    "POST /care/assessments/{assessment_id}/sign": _sign,
    "POST /care/assessments/{assessment_id}/discard": _discard,
    "POST /care/assessments/{assessment_id}/correct": _correct,
    "GET /care/assessments/{assessment_id}/sheet": lambda city, _: Example(
        f"/care/assessments/{_in_force(city)}/sheet"
    ),
    "GET /care/assessments/{assessment_id}/pdf": lambda city, _: Example(f"/care/assessments/{_in_force(city)}/pdf"),
    "GET /care/residents/{code}/ladder": lambda *_: Example("/care/residents/R1/ladder"),
    "POST /care/residents/{code}/ladder": _withdraw,
    "GET /care/proposals": lambda *_: Example("/care/proposals"),
    "GET /care/proposals/{proposal_id}": lambda city, _: Example(f"/care/proposals/{_proposal(city).id}"),
    "POST /care/proposals/{proposal_id}": _decline,
}
WHOSE = {"/care/assessments/{assessment_id}/sign": "station"}
ABOUT_NOBODY = {
    "GET /assessment-worker.js",
    "GET /care/assessments-tablet",  # the empty form
}
