"""Delivery as processes: two share the load, and one that is killed loses nothing."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from database.server.guardian import start_guarded
from dispatch.core.links import create_link_key_file
from tests.support.delivery import gateway_toml, town
from tests.support.peers import http_peer
from tests.support.services import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]
ORDER = '[order]\nstaff = ["sms"]\n[rate]\nmessages = 1000\n[ceiling]\nemergencies = 100000\n'


@contextmanager
def process(url: str, folder: Path, channels: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m dispatch.channels``; whoever is still alive at the end is stopped as an operator does."""
    key, file = folder / "link.key", folder / "channels.toml"
    create_link_key_file(key)
    file.write_text(channels)
    environment = {
        **os.environ,
        "SHOUWANG_DATABASE_URL": url,
        "SHOUWANG_NOTIFY_WORKER": name,
        "SHOUWANG_NOTIFY_CHANNELS_FILE": str(file),
        "SHOUWANG_LINK_KEY_FILE": str(key),
    }
    with (folder / f"{name}.log").open("ab") as log:
        started = start_guarded([sys.executable, "-m", "dispatch.channels"], env=environment, stdout=log, stderr=log)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
            assert started.wait(20) == 0


def test_killed_in_the_middle_nothing_is_lost_and_repetitions_are_known(database_url: str, tmp_path: Path) -> None:
    """The peer has the message, and the process dies before it knows: another one repeats it with the same key."""
    with town(database_url) as city, http_peer() as peer:
        channels = gateway_toml("sms", peer.url, timeout_s=5.0) + ORDER
        peer.stall = lambda _: len(peer.requests) <= 4
        with process(database_url, tmp_path, channels, "first") as first:
            alerts = [city.tell() for _ in range(4)]
            wait_for(lambda: len(peer.requests) == 4, 30, lambda: (tmp_path / "first.log").read_text())
            first.kill()
            first.wait()
        held = city.conn.execute("SELECT state, count(*) FROM message GROUP BY state").fetchall()
        assert held == [("sending", 4)]
        with process(database_url, tmp_path, channels, "second"):
            wait_for(lambda: city.messages() == [("S1", "sms", "sent")] * 4, 40, lambda: str(city.messages()))
        assert len(alerts) == 4
        assert Counter(peer.keys).most_common() == [(key, 2) for key in dict.fromkeys(peer.keys)]
        outcomes = city.conn.execute(
            "SELECT outcome, count(*) FROM delivery_attempt GROUP BY outcome ORDER BY outcome NULLS FIRST"
        ).fetchall()
        assert outcomes == [(None, 4), ("sent", 4)]
        told = city.conn.execute("SELECT count(*) FROM alert_event WHERE action = 'notify'").fetchone()
        assert told == (4,)
        log = (tmp_path / "first.log").read_text() + (tmp_path / "second.log").read_text()
        assert "attempt" in log
        for secret in ("0755-00001", "许晴", "路1号", "/a/", peer.url):
            assert secret not in log


def test_two_share_the_load_and_a_killed_one_changes_nothing(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        channels = gateway_toml("sms", peer.url, "workers = 2") + ORDER
        with (
            process(database_url, tmp_path, channels, "left") as left,
            process(database_url, tmp_path, channels, "right"),
        ):

            def workers() -> set[str]:
                rows = city.conn.execute("SELECT split_part(worker, '/', 1) FROM delivery_attempt").fetchall()
                return {row[0] for row in rows}

            def both() -> bool:
                if all(state == "sent" for *_, state in city.messages()):
                    city.tell()
                return len(workers()) == 2

            wait_for(both, 60, lambda: str(workers()))
            count = len(city.notifications()) + 60
            while len(city.notifications()) < count:
                city.tell()
            left.kill()
            left.wait()
            wait_for(
                lambda: [state for _, state in city.notifications()] == ["sent"] * count,
                60,
                lambda: str(Counter(state for *_, state in city.messages())),
            )
        # No more repetitions than the killed one had in its hands.
        assert len(set(peer.keys)) == len(city.messages())
        assert len(peer.keys) - len(set(peer.keys)) <= 2
