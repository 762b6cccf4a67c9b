"""The front page of care and services."""

from collections.abc import Callable

from tests.support.route_example import Example

EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care": lambda *_: Example("/care"),
    "GET /care/residents/{code}": lambda *_: Example("/care/residents/R1"),
    "POST /care/residents/{code}/traits": lambda *_: Example(
        "/care/residents/R1/traits", data={"trait": "lonely", "holds": "true", "evidence": "户口簿"}, success=303
    ),
}
ABOUT_NOBODY = {"GET /care"}
