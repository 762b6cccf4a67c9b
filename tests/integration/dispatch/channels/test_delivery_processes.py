"""Delivery as processes: two share the load, and one that is killed loses nothing."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from database.server.guardian import start_guarded
from dispatch.channels import sending
from dispatch.channels.sending import LEASE_S
from dispatch.core.links import create_link_key_file
from tests.support.delivery import delivery, gateway_toml, town
from tests.support.peers import Answer, HttpPeer, Request, http_peer
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
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


def hold_the_first(peer: HttpPeer) -> threading.Event:
    """The peer answers the first request only after the event, and takes it then."""
    go, answer = threading.Event(), peer.answer

    def answering(request: Request) -> Answer:
        if request is peer.requests[0]:
            go.wait(60)
        return answer(request)

    peer.answer = answering
    return go


def test_a_frozen_one_is_replaced_in_time_and_does_nothing_twice(database_url: str, tmp_path: Path) -> None:
    """SIGSTOP while the peer keeps the first one waiting: the second one repeats the message within 10 s."""
    with town(database_url) as city, http_peer() as peer:
        channels = gateway_toml("sms", peer.url, timeout_s=60.0) + ORDER
        go = hold_the_first(peer)
        with process(database_url, tmp_path, channels, "first") as first:
            city.tell()
            wait_for(lambda: len(peer.requests) == 1, 30, lambda: (tmp_path / "first.log").read_text())
            with process(database_url, tmp_path, channels, "second"):
                wait_for(lambda: "delivery service" in (tmp_path / "second.log").read_text(), 30, lambda: "no start")
                first.send_signal(signal.SIGSTOP)
                city.wait([("S1", "sms", "sent")], 10)
                first.send_signal(signal.SIGCONT)
                go.set()
                wait_for(lambda: "number=1 outcome=sent" in (tmp_path / "first.log").read_text(), 20,
                         lambda: (tmp_path / "first.log").read_text())  # fmt: skip
        assert [len(set(peer.keys)), len(peer.keys)] == [1, 2], "the peer knows the repetition by its key"
        told = city.conn.execute("SELECT count(*) FROM alert_event WHERE action = 'notify'").fetchone()
        assert told == (1,)


def test_a_long_attempt_keeps_its_lease(database_url: str, tmp_path: Path) -> None:
    with town(database_url) as city, http_peer() as peer:
        channels = gateway_toml("sms", peer.url, timeout_s=60.0) + ORDER
        go = hold_the_first(peer)
        with delivery(database_url, channels, tmp_path, "first"), delivery(database_url, channels, tmp_path, "second"):
            city.tell()
            wait_for(lambda: len(peer.requests) == 1, 30, lambda: "nothing sent")
            claimed = "SELECT claimed_until FROM message"
            begun = city.conn.execute(claimed).fetchone()
            later = "SELECT FROM message WHERE claimed_until > %s::timestamptz + make_interval(secs => %s)"
            wait_for(lambda: city.conn.execute(later, (begun[0], LEASE_S)).rowcount == 1, 20, lambda: "not renewed")
            go.set()
            city.wait([("S1", "sms", "sent")])
        assert len(peer.keys) == 1


def test_nothing_is_sent_on_a_lease_that_ran_out(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a freeze between the claim and the sending: the message is another's by now."""
    monkeypatch.setattr(sending, "LEASE_S", 0.0)
    with town(database_url) as city, http_peer() as peer:
        with delivery(database_url, gateway_toml("sms", peer.url) + ORDER, tmp_path):
            city.tell()
            wait_for(lambda: len(city.attempts()) > 1, 30, lambda: str(city.attempts()))
        assert not peer.requests
        # Not while it runs: what was claimed under the one lease would be judged by the other.
        monkeypatch.setattr(sending, "LEASE_S", LEASE_S)
        with delivery(database_url, gateway_toml("sms", peer.url) + ORDER, tmp_path):
            city.wait([("S1", "sms", "sent")])
        assert len(peer.keys) == 1


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
