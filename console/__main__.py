"""Run the dispatch console: ``python -m console``, settings from the environment."""

import gc
import sys
import threading

import uvicorn

from console.app import create_app
from console.settings import ConsoleSettings
from database.settings import DatabaseSettings
from firmware_profiles.settings import BrokerSettings
from observability.liveness import Liveness
from observability.process import serve

SWITCH_S = 0.001


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("console", _work)


def _work(stop: threading.Event, liveness: Liveness) -> None:
    settings = ConsoleSettings()
    app = create_app(settings, DatabaseSettings(), BrokerSettings().broker(), liveness=liveness)
    # Every alert passes here: a full garbage collection over all imported modules takes 150 ms, and a thread keeps the
    # interpreter for 5 ms by default.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,  # ours, in the same form as all other lines
            access_log=False,  # addresses of pages name residents
            proxy_headers=True,
            forwarded_allow_ips=settings.trusted_proxy,
            timeout_graceful_shutdown=3,
            ws="websockets-sansio",
        )
    )

    def end() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=end, name="end", daemon=True).start()
    server.run()
    if not server.started:
        sys.exit(3)


if __name__ == "__main__":
    main()
