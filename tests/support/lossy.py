"""A network that loses packets: two TUN devices, one of them in a network namespace of its own, and a pump between them
that drops packets at random, by seed. TCP above it is the kernel's, with its real retransmissions.

The kernel's own tool for this (netem) is a module that many machines lack; this needs only /dev/net/tun and root. In
the namespace, 127.0.0.1 at one TCP port is the port of the machine outside; everything else there is as usual.
"""

import contextlib
import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_CLONE_NEWNET = 0x40000000


class LossyNetwork:
    """Use :func:`lossy_network`."""

    def __init__(self, name: str, loss: float, seed: int) -> None:
        self.name, self.loss = name, loss
        self.passed = self.dropped = 0
        self._rng = random.Random(seed)
        self._stop_r, self._stop_w = os.pipe()
        self._ends: tuple[int, int] = (-1, -1)
        self._thread = threading.Thread(target=self._pump, name="lossy network")

    def run_inside(self, work: Callable[[], None]) -> None:
        """Do ``work`` in a thread that lives in the namespace, as the threads it makes will."""
        failure: list[BaseException] = []

        def inside() -> None:
            try:
                with open(f"/run/netns/{self.name}") as namespace:
                    libc = ctypes.CDLL(None, use_errno=True)
                    if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                work()
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]

    def build(self, port: int) -> None:
        inner, outer = f"{self.name}i", f"{self.name}o"
        _ip("netns", "add", self.name)
        self._ends = (_tun(outer), _tun(inner))
        _ip("link", "set", inner, "netns", self.name)
        _ip("addr", "add", "10.213.7.1/30", "dev", outer)
        _ip("link", "set", outer, "up")
        within = ("-n", self.name)
        _ip(*within, "addr", "add", "10.213.7.2/30", "dev", inner)
        _ip(*within, "link", "set", inner, "up")
        _ip(*within, "link", "set", "lo", "up")
        _ip(*within, "rule", "add", "priority", "10", "lookup", "local")
        _ip(*within, "rule", "add", "priority", "5", "ipproto", "tcp", "dport", str(port), "lookup", "77")
        _ip(*within, "rule", "del", "priority", "0")
        _ip(*within, "route", "add", "127.0.0.1/32", "dev", inner, "src", "10.213.7.2", "table", "77")
        # the loopback address travels over this one link
        _run("sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/{outer}/route_localnet")
        _ip("netns", "exec", self.name, "sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/{inner}/route_localnet")
        self._thread.start()

    def tear_down(self) -> None:
        os.close(self._stop_w)
        if self._thread.is_alive():
            self._thread.join()
        for end in (*self._ends, self._stop_r):
            if end >= 0:
                os.close(end)
        with contextlib.suppress(OSError):
            _ip("netns", "del", self.name)

    def _pump(self) -> None:
        other = {self._ends[0]: self._ends[1], self._ends[1]: self._ends[0]}
        while True:
            ready, _, _ = select.select([*other, self._stop_r], [], [])
            if self._stop_r in ready:
                return
            for end in ready:
                packet = os.read(end, 65536)
                if self._rng.random() < self.loss:
                    self.dropped += 1
                else:
                    self.passed += 1
                    os.write(other[end], packet)


@contextmanager
def lossy_network(port: int, loss: float, seed: int) -> Iterator[LossyNetwork]:
    """A namespace from which this machine's ``127.0.0.1:port`` is reached over a link that loses ``loss`` of the
    packets in each direction. Raises OSError where the machine does not allow it."""
    network = LossyNetwork(f"sw{os.getpid() % 100000}", loss, seed)
    try:
        network.build(port)
        yield network
    finally:
        network.tear_down()


def _tun(name: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN_NO_PI))
    return end


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
