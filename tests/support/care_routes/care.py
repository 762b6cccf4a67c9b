"""The front page of care and services."""

from collections.abc import Callable

from tests.support.route_example import Example

EXAMPLES: dict[str, Callable[..., Example]] = {"GET /care": lambda *_: Example("/care")}
ABOUT_NOBODY = {"GET /care"}
