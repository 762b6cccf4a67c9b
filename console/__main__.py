"""Run the dispatch console: ``python -m console``, settings from the environment."""

import gc
import sys

import uvicorn

from console.app import create_app
from console.settings import ConsoleSettings
from database.settings import DatabaseSettings
from firmware_profiles.settings import BrokerSettings

SWITCH_S = 0.001


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    settings = ConsoleSettings()
    app = create_app(settings, DatabaseSettings(), BrokerSettings().broker())
    # Every alert passes here: a full garbage collection over all imported modules takes 150 ms, and a thread keeps the
    # interpreter for 5 ms by default.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,  # addresses of pages name residents
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxy,
        timeout_graceful_shutdown=3,
        ws="websockets-sansio",
    )


if __name__ == "__main__":
    main()
