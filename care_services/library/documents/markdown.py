"""Turn Markdown that people wrote into HTML that a page may show: no HTML of theirs, no pictures, no scripts. Pure."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

_HAN_BREAK = re.compile(r"(?<=[\u3001-\u9fff\uff01-\uff65])\n(?=[\u3001-\u9fff\uff01-\uff65])")
"""A line's end between Chinese characters: a browser would show a blank there."""


@cache
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "html_block", "html_inline"])


@cache
def _with_pictures() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["html_block", "html_inline"])


def to_html(text: str, *, below: int = 2, pictures: Mapping[str, tuple[str, str]] | None = None) -> str:
    """HTML of a Markdown text (CommonMark 0.31 with tables). ``below``: its highest heading comes so far below the
    page's own, so that a page has one outline. ``pictures``: the only ones that may stand in it, by name: address and
    words of what is to be seen; the text names one as ``![](picture:NAME)``.
    """
    tokens = (_with_pictures() if pictures else _renderer()).parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + below)}"
        for child in token.children or ():
            if child.type == "image":
                found = (pictures or {}).get(str(child.attrGet("src")).removeprefix("picture:"))
                if found is None:
                    child.type, child.children = "text", None
                else:
                    child.attrSet("src", found[0])
                    child.content, child.children = found[1], [Token("text", "", 0, content=found[1])]
            if child.type == "link_open":
                child.attrSet("rel", "noopener noreferrer nofollow")
    return _HAN_BREAK.sub("", _renderer().renderer.render(tokens, _renderer().options, {}))


@lru_cache(maxsize=512)
def plain(text: str) -> str:
    """The words of a Markdown text without its signs, for searches and excerpts."""
    words = []
    for token in _renderer().parse(text):
        if token.type == "inline":
            words.append("".join(
                child.content if child.type in ("text", "code_inline") else " "
                for child in token.children or () if child.type in ("text", "code_inline", "softbreak", "hardbreak")
            ))  # fmt: skip
        elif token.type in ("fence", "code_block"):
            words.append(token.content)
    return " ".join(" ".join(words).split())
