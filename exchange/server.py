"""The exchange's HTTP server: uvicorn, as the console has it."""

from typing import Any

import uvicorn
from starlette.types import ASGIApp

from exchange.settings import ExchangeSettings


def make_server(app: ASGIApp, settings: ExchangeSettings) -> uvicorn.Server:
    """The server, not yet started. A reverse proxy stands before it and bounds slow clients."""
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "log_level": "warning",
        "log_config": None,  # ours, in the same form as all other lines
        "access_log": False,  # addresses name residents
        "server_header": False,
        "proxy_headers": bool(settings.trusted_proxy),
        "forwarded_allow_ips": settings.trusted_proxy,
        "timeout_graceful_shutdown": 3,
        "timeout_keep_alive": 20,
        "limit_concurrency": 200,
        "ws": "none",
    }
    return uvicorn.Server(uvicorn.Config(app, **options))
