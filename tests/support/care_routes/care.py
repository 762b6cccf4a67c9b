"""The front page of care and services."""

from collections.abc import Callable

from care_services.subjects import SUBJECTS
from tests.support.route_example import Example

EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care": lambda *_: Example("/care"),
    "GET /care/residents/{code}": lambda *_: Example("/care/residents/R1"),
    "GET /care/rules": lambda *_: Example("/care/rules"),
    "GET /care/rules/{subject}": lambda *_: Example(f"/care/rules/{next(iter(SUBJECTS))}"),
    "POST /care/rules/{subject}": lambda *_: Example(
        f"/care/rules/{next(iter(SUBJECTS))}", data={"based_on": 0, "text": next(iter(SUBJECTS.values())).default}
    ),
    "POST /care/residents/{code}/traits": lambda *_: Example(
        "/care/residents/R1/traits", data={"trait": "lonely", "holds": "true", "evidence": "户口簿"}, success=303
    ),
}
ABOUT_NOBODY = {"GET /care", "GET /care/rules", "GET /care/rules/{subject}"}
OF_THE_DISTRICT = {"GET /care/rules/{subject}", "POST /care/rules/{subject}"}
