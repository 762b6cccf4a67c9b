"""Colours are tokens, every token that is used exists, and text can be read on its ground by day and by night."""

import re

import pytest

from console.pages.own.design import COLOURS, tokens
from console.shell.styles import SHEETS

STATIC = SHEETS.parent
SOURCES = sorted([*SHEETS.glob("*.css"), *(p for p in STATIC.rglob("*.js") if "vendor" not in p.parts)])
TEXT = 4.5
"""WCAG 2.2 AA, 1.4.3."""
PARTS = 3.0
"""WCAG 2.2 AA, 1.4.11: borders of fields, lines of charts, focus."""
READ = [
    *((text, ground) for text in ("ink", "dim", "brand", "ok", "em", "unknown") for ground in ("ground", "panel")),
    *(
        ("ink", ground)
        for ground in ("em-bg", "ur-bg", "at-bg", "te-bg", "ok-bg", "unknown-bg", "hover", "field-bg")
    ),
    ("on-brand", "brand"), ("on-brand", "brand-deep"), ("brand", "hover"), ("on-top", "top"), ("on-lamp", "lamp"),
    ("em", "em-bg"), ("em-ink", "em-bg"), ("ur", "ur-bg"), ("at", "at-bg"), ("te", "te-bg"), ("ok", "ok-bg"),
    ("unknown", "unknown-bg"), ("on-fill", "em-fill"), ("on-fill", "ur-fill"), ("dim", "te-bg"), ("dim", "em-bg"),
    ("dim", "ur-bg"),
]  # fmt: skip
SEEN = [("field", "field-bg"), ("focus", "ground"), ("focus", "panel"), ("chart-line", "panel")]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, definitions) of #rgb or #rrggbb."""
    plain = colour.lstrip("#")
    if len(plain) == 3:
        plain = "".join(letter * 2 for letter in plain)
    parts = [int(plain[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "night"])
def test_text_can_be_read_on_its_ground(theme: str) -> None:
    have = tokens(theme)
    assert not [
        f"{text} on {ground}: {contrast(have[text], have[ground]):.2f}"
        for pairs, least in ((READ, TEXT), (SEEN, PARTS))
        for text, ground in pairs
        if contrast(have[text], have[ground]) < least
    ]


def test_nothing_but_the_tokens_names_a_colour() -> None:
    offenders = [
        f"{path.name}: {found}"
        for path in SOURCES
        if path.name != "tokens.css"
        for found in re.findall(
            r"#[0-9a-fA-F]{3,8}\b(?![-\w])|rgba?\(|hsla?\(", re.sub(r"//.*|/\*.*?\*/", "", path.read_text())
        )
    ]
    assert not offenders


def test_every_token_that_is_used_exists() -> None:
    texts = [path.read_text() for path in SOURCES]
    have = {name for text in texts for name in re.findall(r"--([\w-]+):", text)}
    used = {name for text in texts for name in re.findall(r"var\(--([\w-]+)", text)}
    assert used - have == set(), "tokens.css has: em, ur, at, te, ok, unknown, each with -bg, r1, r2 …"


def test_the_page_shows_every_colour() -> None:
    shown = {token for _, group in COLOURS for token in group}
    colours = {name for name, value in tokens("light").items() if value.startswith("#")}
    assert colours - shown <= {"top-line", "top-hover", "shade", "hatch"}, "see-through, shown by what they lie on"
