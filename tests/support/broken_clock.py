"""``python -m tests.support.broken_clock PACKAGE``: a service whose clock breaks at SIGUSR1, for paho's threads alone.

A broken ``clock_nanosleep`` was how a thread of ingest died in a drill: here the clock that paho reads raises OSError.
"""

import runpy
import signal
import sys
import threading

import paho.mqtt.client as paho

_clock = paho.time_func
_broken = threading.Event()


def _time() -> float:
    if _broken.is_set() and threading.current_thread().name.startswith("paho"):
        raise OSError("the clock is broken")
    return _clock()


if __name__ == "__main__":
    paho.time_func = _time
    signal.signal(signal.SIGUSR1, lambda *_: _broken.set())
    package, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_module(f"{package}.__main__", run_name="__main__")
