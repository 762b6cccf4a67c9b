"""The parts of the drills: a host's clock that can be set, an expired certificate, the report."""

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509

from shouwang.brokers.pki import Pki
from shouwang.drills.account import DrillAccount
from shouwang.drills.drill import DrillResult
from shouwang.drills.faults.certificate import sign_until
from shouwang.drills.report import markdown
from shouwang.drills.wrong_clock import set_clock
from shouwang.verify.accounting import Balance

ASKING = """
import sys, time
from pathlib import Path
from shouwang.drills.wrong_clock import follow
follow(Path(sys.argv[1]))
for _ in sys.stdin:
    print(time.time(), time.time_ns() // 1000, flush=True)
"""
ACCOUNT = DrillAccount(
    readings=Balance(sent=1200, stored=1200),
    pressed=20,
    events_lost=0,
    events_doubled=0,
    alerts_lost=0,
    alerts_doubled=0,
    notifications_lost=0,
    notifications_doubled=0,
    worst_delay_s=4.0,
    median_delay_s=0.1,
)


def test_the_clock_of_a_host_is_set_while_a_service_runs(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    set_clock(file, 0)
    with subprocess.Popen(
        [sys.executable, "-c", ASKING, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for ahead_s in (0, 7200.5, -7200.5, 0):
            set_clock(file, ahead_s)
            print("now", file=process.stdin, flush=True)
            seconds, microseconds = process.stdout.readline().split()
            assert float(seconds) - time.time() == pytest.approx(ahead_s, abs=60)
            assert int(microseconds) / 1e6 == pytest.approx(float(seconds), abs=60)
        process.stdin.close()


def test_an_expired_certificate_differs_in_its_time_alone_and_the_authority_makes_another(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    file, _ = pki.server("broker", ["localhost", "127.0.0.1"])
    before = x509.load_pem_x509_certificate(file.read_bytes())
    now = dt.datetime.now(dt.UTC)
    sign_until(now - dt.timedelta(hours=1), file, pki)
    after = x509.load_pem_x509_certificate(file.read_bytes())
    assert after.not_valid_before_utc < after.not_valid_after_utc < now < before.not_valid_after_utc
    assert after.public_key() == before.public_key()
    assert list(after.extensions) == list(before.extensions)
    after.verify_directly_issued_by(x509.load_pem_x509_certificate(pki.ca.read_bytes()))
    renewed, _ = pki.server("broker", ["localhost", "127.0.0.1"])
    assert x509.load_pem_x509_certificate(renewed.read_bytes()).not_valid_after_utc > now


def test_the_report_says_of_each_drill_what_was_lost_how_late_and_when_it_recovered() -> None:
    def result(name: str, **more: object) -> DrillResult:
        return DrillResult(name=name, zh="故障", en="a fault", limit_s=10.0, **more)  # type: ignore[arg-type]

    text = markdown(
        [
            result("kill-one", account=ACCOUNT, recovered_s=1.5),
            result("kill-two", account=ACCOUNT, recovered_s=None),
            result("fill-one", refused="no disk of its own"),
            result("renew-one", failed="the gateway renews its certificate: not within 60 s"),
        ],
        dt.datetime(2026, 11, 29, tzinfo=dt.UTC),
    )
    assert "2026-11-29 08:00 (Asia/Shanghai). 1 of 4 hold, 1 cannot be run here." in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in rows}) == 1, "every line has the columns of the head"
    assert rows[2].endswith("| 1,200 / 0 / 0 | 20 / 0 / 0 | 0 / 0 | 0 / 0 | 0.1 / 4.0 s (10 s) | 1.5 s | holds |")
    assert rows[3].endswith("| **no** | **FAILS** |")
    assert rows[4].endswith("not run: no disk of its own |")
    assert rows[5].endswith("**FAILS**: the gateway renews its certificate: not within 60 s |")
    assert "| 2,400 / 0 / 0 | 40 / 0 / 0 |" in rows[6]
