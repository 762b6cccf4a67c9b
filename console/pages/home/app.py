"""The family's page as an app on the telephone: manifest, service worker, and the page that is shown without a net."""

import json
from functools import cache

from fastapi import Request
from starlette.responses import FileResponse, Response

from console.shell import styles
from console.shell.i18n import pick
from console.shell.text import page_router
from console.shell.views import STATIC, language_of, page

router = page_router()
ICONS = STATIC / "home"
THEME = "#0b5c63"
"""The brand's colour: the token ``--brand``."""


@router.get("/family-app/manifest.webmanifest")
def manifest(request: Request) -> Response:
    """The web app manifest (W3C), in the reader's language."""
    language = language_of(request, None)
    icons = [
        {"src": f"/static/home/icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
        for size in (192, 512)
    ]
    maskable = {"src": "/static/home/maskable-512.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"}
    content = {
        "id": "/family",
        "name": pick(language, "守望 · 我的家人", "Shouwang · My family"),
        "short_name": pick(language, "守望", "Shouwang"),
        "description": pick(language, "家中长者的情况，一句话说清楚", "How your parent is, in one sentence"),
        "lang": pick(language, "zh-CN", "en"),
        "start_url": "/family",
        "scope": "/family",
        "display": "standalone",
        "orientation": "any",
        "theme_color": THEME,
        "background_color": "#f3f6f6",
        "icons": [*icons, maskable],
    }
    return Response(json.dumps(content, ensure_ascii=False), media_type="application/manifest+json")


@router.get("/family-app/worker.js")
def worker() -> Response:
    """The service worker of the family's page; another style bundle is another worker, which keeps it anew."""
    return Response(
        _worker(),
        media_type="text/javascript",
        headers={"Service-Worker-Allowed": "/family", "Cache-Control": "no-cache"},
    )


@cache
def _worker() -> str:
    return (ICONS / "worker.js").read_text("utf-8").replace("__STYLES__", styles.address())


@router.get("/family-app/offline")
def offline(request: Request) -> Response:
    """The page without a net: it says what is not known, and has nothing about anybody."""
    return page(request, "offline.html")


@router.get("/apple-touch-icon.png")
def apple_icon() -> Response:
    """The icon for the home screen of iOS, which asks for it by this name."""
    return FileResponse(ICONS / "apple-touch-icon.png", media_type="image/png")
