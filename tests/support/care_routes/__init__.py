"""Examples of the routes of care and services for the tests that ask every route: one module a part.

Each module may have ``EXAMPLES`` (route → maker of an :class:`~tests.support.route_example.Example`), ``ABOUT_NOBODY``
(pages that show nobody), ``WHOSE`` (address → login of whom a page is shown to) and ``OF_THE_DISTRICT`` (pages that are
the same for the whole district).
"""

import importlib
import pkgutil
from typing import Any


def gathered(name: str) -> dict[str, Any]:
    """What all modules have under that name, in one dictionary (of a set: its members to None)."""
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(__path__):
        more = getattr(importlib.import_module(f"{__name__}.{module.name}"), name, {})
        found |= more if isinstance(more, dict) else dict.fromkeys(more)
    return found
