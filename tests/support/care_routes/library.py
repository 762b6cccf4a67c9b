"""The pages of documents, products and courses."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from care_services.core.connected import Connected
from care_services.library.courses import attempts, certificates, keeping
from tests.support.network import account
from tests.support.route_example import Example

EVERYBODY = ["admin", "dispatcher", "lead", "manager", "station", "carer"]
COURSE = "family_carers"
LOGINS = {"family": "daughter"}
"""Of roles whose account has another name (tests.integration.console.test_every_route)."""


def acting(city: Any, login: str) -> Connected:
    """An account on the city's connection."""
    return Connected(city.conn, account(city.conn, login), dt.datetime.now(dt.UTC), "test")


def document(city: Any, retired: bool = False) -> str:
    """A document with two versions, which everybody who may has to read."""
    code = f"d-{uuid.uuid4().hex[:8]}"
    city.conn.execute(
        "WITH d AS (INSERT INTO library_document (code, kind, title_zh, title_en, area, roles, made_at, retired_at)"
        " VALUES (%s, 'guide', '文', 'Text', 'sz.yt', %s, now(), %s) RETURNING id)"
        " INSERT INTO library_version (document_id, number, valid_from, text, file, sha256, made_at, actor)"
        " SELECT d.id, n, current_date - 3 + n, '步骤', '%%PDF-1.7 %%%%EOF', sha256('x'), now(), '某'"
        " FROM d, generate_series(1, 2) n",
        (code, EVERYBODY, dt.datetime.now(dt.UTC) if retired else None),
    )
    return code


def test_of(city: Any, login: str) -> int:
    """An open test of an account that has none behind it."""
    keeping.add_built_in(city.conn, dt.datetime.now(dt.UTC))
    city.conn.execute("UPDATE course SET retired_at = NULL")
    city.conn.execute("DELETE FROM course_attempt WHERE account_id = %s", (account(city.conn, login).id,))
    return attempts.begin(acting(city, login), COURSE)


def right_answers(city: Any, login: str, number: int) -> dict[int, list[int]]:
    """The answers that are right, by the question's place."""
    attempt, course = attempts.load(acting(city, login), number)
    return {one.question: course.question[one.question].right for one in attempt.questions}


def certificate_of(city: Any, login: str) -> str:
    """The number of a certificate of the account."""
    number = test_of(city, login)
    attempts.submit(acting(city, login), number, right_answers(city, login, number))
    found = attempts.load(acting(city, login), number)[0].certificate
    assert found is not None
    return found


def _login(role: Any) -> str:
    return LOGINS.get(str(role), str(role))


def _handed_in(city: Any, role: Any) -> Example:
    number = test_of(city, _login(role))
    form = {f"q{place}": named for place, named in right_answers(city, _login(role), number).items()}
    return Example(f"/care/courses/tests/{number}", form, success=303)


def _begun(city: Any, role: Any) -> Example:
    test_of(city, _login(role))
    return Example(f"/care/courses/{COURSE}/test", {}, success=303)


def _course(city: Any, path: str, data: dict[str, Any] | None = None, success: int = 200) -> Example:
    keeping.add_built_in(city.conn, dt.datetime.now(dt.UTC))
    city.conn.execute("UPDATE course SET retired_at = NULL")
    return Example(f"/care/courses/{COURSE}{path}", data, success=success)


def _editor(city: Any, path: str, data: dict[str, Any] | None = None) -> Example:
    keeping.add_built_in(city.conn, dt.datetime.now(dt.UTC))
    return Example(f"/care/courses-edit/{COURSE}{path}", data)


def _asked(city: Any, _: Any) -> Example:
    city.conn.execute("DELETE FROM staff_certificate USING staff s WHERE s.id = staff_id AND s.code = 'S11'")
    number = certificate_of(city, "carer")
    city.conn.execute("UPDATE staff SET account_id = NULL WHERE code = 'S11'")  # nobody decides on their own
    row = city.conn.execute(
        "INSERT INTO course_approval (certificate_id, staff_id, kind, asked_at)"
        " SELECT c.id, s.id, 'first_aid', now() FROM course_certificate c, staff s"
        " WHERE c.number = %s AND s.code = 'S11' RETURNING id",
        (number,),
    ).fetchone()
    return Example(f"/care/courses-approvals/{row[0]}", {"good": "1"}, success=303)


def _code(city: Any) -> str:
    number = certificate_of(city, "daughter")
    return certificates.grouped(certificates.find(acting(city, "daughter"), number).check_code)


def _page(path: str, **more: Any) -> Callable[..., Example]:
    return lambda c, _: Example(f"/care/documents/{document(c)}{path}", **more)


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/documents": lambda c, _: Example(f"/care/documents?q={document(c)}&kind=guide"),
    "GET /care/documents/new": lambda *_: Example("/care/documents/new"),
    "POST /care/documents/new": lambda *_: Example(
        "/care/documents/new",
        {"code": f"n-{uuid.uuid4().hex[:8]}", "title_zh": "新", "kind": "guide", "text": "正文",
         "valid_from": "2026-01-01", "roles": ["carer"]},
        success=303,
    ),
    "GET /care/documents/{document}": _page("?version=1"),
    "POST /care/documents/{document}/read": _page("/read", data={"number": 2}, success=303),
    "GET /care/documents/{document}/edit": _page("/edit"),
    "POST /care/documents/{document}/edit": _page(
        "/edit", data={"version": 1, "title_zh": "改", "kind": "form", "read_days": "9"}, success=303
    ),
    "GET /care/documents/{document}/version": _page("/version"),
    "POST /care/documents/{document}/version": _page(
        "/version", data={"seen": 2, "text": "新的步骤", "note": "改了步骤", "valid_from": "2099-01-01"}, success=303
    ),
    "GET /care/documents/{document}/compare": _page("/compare?old=1&new=2"),
    "GET /care/documents/{document}/readers": _page("/readers?all=true"),
    "GET /care/documents/{document}/retire": _page("/retire"),
    "POST /care/documents/{document}/retire": _page("/retire", data={}, success=303),
    "GET /care/documents/{document}/file/{number}": _page("/file/1"),
    "GET /care/documents/{document}/file/{number}/page/{page}": _page("/file/9/page/1", success=404),
    "GET /care/products": lambda *_: Example("/care/products"),
    "GET /care/products/{model}": lambda *_: Example("/care/products/shouwang-pendant"),
    "GET /care/products-compare": lambda *_: Example("/care/products-compare"),
    "GET /care/courses": lambda *_: Example("/care/courses"),
    "GET /care/courses/{course}": lambda c, _: _course(c, ""),
    "POST /care/courses/{course}/test": _begun,
    "GET /care/courses/tests/{number}": lambda c, role: Example(f"/care/courses/tests/{test_of(c, _login(role))}"),
    "POST /care/courses/tests/{number}": _handed_in,
    "GET /care/courses/certificates/{number}": lambda c, role: Example(
        f"/care/courses/certificates/{certificate_of(c, _login(role))}"
    ),
    "GET /care/courses/certificates/{number}/file": lambda c, role: Example(
        f"/care/courses/certificates/{certificate_of(c, _login(role))}/file"
    ),
    "POST /care/courses/certificates/{number}/revoke": lambda c, role: Example(
        f"/care/courses/certificates/{certificate_of(c, _login(role))}/revoke", {"why": "误发"}, success=303
    ),
    "GET /care/courses-edit": lambda *_: Example("/care/courses-edit"),
    "POST /care/courses-edit": lambda *_: Example("/care/courses-edit", {"do": "add:c", "zh": "新"}),
    "GET /care/courses-edit/{course}": lambda c, _: _editor(c, ""),
    "POST /care/courses-edit/{course}": lambda c, _: _editor(c, "", {"do": "add:q"}),
    "GET /care/courses-edit/{course}/file": lambda c, _: _editor(c, "/file"),
    "GET /care/courses-issued": lambda *_: Example("/care/courses-issued"),
    "POST /care/courses-issued/load": lambda *_: Example("/care/courses-issued/load", {"platform": "1"}),
    "POST /care/courses/{course}/retire": lambda c, _: _course(c, "/retire", {"sure": "1"}, 303),
    "GET /care/courses-approvals": lambda *_: Example("/care/courses-approvals"),
    "POST /care/courses-approvals/{number}": _asked,
    "GET /verify-certificate": lambda c, _: Example(f"/verify-certificate?code={_code(c)}"),
}  # fmt: skip
ABOUT_NOBODY = {"GET /verify-certificate", "GET /care/documents/{document}/file/{number}/page/{page}"}
OF_THE_DISTRICT = {name for name in EXAMPLES if "{document}" in name or "{model}" in name or "{course}" in name}
