"""The page for people that lists what the exchange offers, made of its OpenAPI document."""

from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from exchange.shell.errors import language_of

router = APIRouter(tags=["About"])
STYLE = """
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
dt { font: 600 1rem ui-monospace, monospace; overflow-wrap: anywhere; margin-top: .8rem; } dd { margin: 0 0 0 1rem; }
a { padding: .4rem 0; display: inline-block; min-height: 44px; }
"""
_WORDS = {
    "zh": (
        "外部系统接口",
        "每个请求都要出示令牌：Authorization: Bearer sw_…。令牌由区管理员在“外部系统”页面创建。",
        "完整说明（OpenAPI）",
    ),
    "en": (
        "Interfaces for other systems",
        "Each request shows a token: Authorization: Bearer sw_…. The district's administrator makes it.",
        "The whole description (OpenAPI)",
    ),
}


@router.get(
    "/", response_class=HTMLResponse, responses={200: {"content": {"text/html": {"example": "<!doctype html>"}}}}
)
def about(request: Request, lang: Annotated[str | None, Query(description="zh or en")] = None) -> Response:
    """A page for people: every address with a sentence. The sentences are in English, as the document is."""
    language = lang if lang in _WORDS else language_of(request)
    title, words, whole = _WORDS[language]
    groups: dict[str, list[tuple[str, str, str]]] = {}
    document: dict[str, Any] = request.app.openapi()
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            sentence = str(route.get("description", "")).partition("\n")[0]
            groups.setdefault(route.get("tags", ["About"])[0], []).append((method.upper(), path, sentence))
    lists = "".join(
        f"<h2>{escape(tag)}</h2><dl lang='en'>"
        + "".join(f"<dt>{method} {escape(path)}</dt><dd>{escape(text)}</dd>" for method, path, text in routes)
        + "</dl>"
        for tag, routes in groups.items()
    )
    return HTMLResponse(
        f"<!doctype html><html lang='{language}'><head><meta charset='utf-8'><title>{title}</title>"
        "<meta name='viewport' content='width=device-width'><link rel='stylesheet' href='/style.css'></head>"
        f"<body><main><h1>{title}</h1><p>{words}</p>"
        f"<p><a href='/api/openapi.json'>{whole}</a></p>{lists}</main></body></html>"
    )


@router.get("/style.css", include_in_schema=False)
def style() -> Response:
    """The page's style."""
    return Response(STYLE, media_type="text/css")
