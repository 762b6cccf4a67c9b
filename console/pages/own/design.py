"""The design system on a page of the app itself: tokens and components, by day and by night."""

import re
from functools import cache

from fastapi import Request
from starlette.responses import Response

from care_network.access.permissions import Action
from console.shell.security import CurrentAccount, needs
from console.shell.styles import SHEETS
from console.shell.text import page_router
from console.shell.views import page

router = page_router()
COLOURS = (
    ("Grounds and text", ("ground", "panel", "ink", "dim", "line", "field", "field-bg", "hover")),
    ("Brand and header", ("brand", "brand-deep", "on-brand", "top", "on-top", "lamp", "on-lamp", "focus")),
    (
        "Severities",
        ("em", "em-bg", "em-ink", "em-fill", "ur", "ur-bg", "ur-fill", "at", "at-bg", "te", "te-bg", "on-fill"),
    ),
    ("What is known", ("ok", "ok-bg", "unknown", "unknown-bg")),
    ("Charts", ("chart-line", "chart-edge", "chart-band", "chart-grid", "plot-bg")),
    (
        "Colours of the ground map",
        (
            "map-land",
            "map-water",
            "map-green",
            "map-building",
            "map-road",
            "map-road-wide",
            "map-road-edge",
            "map-rail",
            "map-text",
            "map-halo",
        ),
    ),
)
"""Tokens in groups; a group's name is a text of the catalogue."""
SIZES = ("fs-0", "fs-1", "fs-2", "fs-3", "fs-4", "fs-5")
SPACES = ("s1", "s2", "s3", "s4", "s5", "s6")


@cache
def tokens(theme: str) -> dict[str, str]:
    """The tokens of ``light`` or ``night`` with their values; those that the night does not change are the day's."""
    text = (SHEETS / "tokens.css").read_text()
    day, night = re.split(r'\[data-theme="night"\] \{', text, maxsplit=1)
    found = dict(re.findall(r"--([\w-]+): ([^;]+);", day))
    return found if theme == "light" else found | dict(re.findall(r"--([\w-]+): ([^;]+);", night))


@router.get("/design", dependencies=[needs(Action.VIEW_NETWORK)])
def design_page(request: Request, account: CurrentAccount) -> Response:
    return page(
        request, "design.html", account, themes={theme: tokens(theme) for theme in ("light", "night")},
        colours=COLOURS, sizes=SIZES, spaces=SPACES,
    )  # fmt: skip
