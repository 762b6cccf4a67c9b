"""``python -m shouwang.path``: the watcher of the path, settings from the environment."""

import threading

import structlog

from alerting.service.direct import DirectChannels, DirectSender
from database.settings import DatabaseSettings
from dispatch.channels.adapters.base import ConfigError
from dispatch.channels.config import load
from dispatch.channels.settings import NotifySettings
from firmware_profiles.settings import BrokerSettings
from observability.liveness import Liveness
from observability.process import serve
from shouwang.path.service import run
from shouwang.path.settings import PathSettings

log = structlog.get_logger(__name__)


def main() -> None:
    """Run until SIGINT or SIGTERM. Raises SystemExit where a part of it ended by a fault."""
    serve("path", _work)


def _work(stop: threading.Event, liveness: Liveness) -> None:
    database = DatabaseSettings()
    run(PathSettings(), database, BrokerSettings().broker(), stop, _direct(database), liveness)


def _direct(database: DatabaseSettings) -> DirectSender | None:
    """The channels of the delivery service; None where their settings are wrong, which must not stop the watch."""
    try:
        return DirectChannels(load(NotifySettings().channels_file), database)
    except ConfigError as error:
        log.error("a break of the ladder itself reaches nobody but the log", reason=str(error))
        return None


if __name__ == "__main__":
    main()
