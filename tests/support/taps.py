"""Connections for tests of what is behind them."""

import socket

from firmware_profiles.link.publish_tap import Tap


def unconnected() -> Tap:
    """A connection that has ended: nothing comes by it, and nothing can be acknowledged on it."""
    with socket.socket() as ended:
        return Tap(ended, lambda *_: None)
