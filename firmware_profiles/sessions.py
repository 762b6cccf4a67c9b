"""End sessions at the broker that nobody reads any more: each would keep every message until the disk is full."""

import threading
from collections.abc import Iterable

import structlog

from firmware_profiles import mqtt

log = structlog.get_logger(__name__)

END_TIMEOUT_S = 20.0


def end_sessions(broker: mqtt.Broker, names: Iterable[str]) -> bool:
    """End these sessions of ours (as :func:`firmware_profiles.mqtt.make_client` names them), with what waits in them.

    False where the broker did not confirm one of them in time.
    """
    all_ended = True
    for name in names:
        ended = threading.Event()
        client = mqtt.make_client(broker, name, clean=True)  # MQTT 3.1.1, 3.1.2.4: it discards the session that was
        client.on_connect = lambda _c, _u, _f, reason, _p, ended=ended: None if reason.is_failure else ended.set()
        mqtt.start(client, broker)
        confirmed = ended.wait(END_TIMEOUT_S)
        mqtt.stop(client)
        log.info("session ended", session=name, ended=confirmed)
        all_ended &= confirmed
    return all_ended
