"""Files with health data are this account's alone, and the log of a fault shows no values."""

import stat
from pathlib import Path

import pytest

from edge_agent.outbox.file import OutboxFile
from tests.integration.alerting.service.test_alerting_service import GATEWAY, Desk
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.services import service, wait_for

pytestmark = pytest.mark.integration


def open_to_others(folder: Path) -> list[str]:
    """Files and folders below it that others may enter, read or write."""
    return [
        f"{path.name} {stat.filemode(path.stat().st_mode)}"
        for path in (folder, *folder.rglob("*"))
        if path.stat().st_mode & 0o077
    ]


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_what_alerting_keeps_is_private_also_what_an_older_version_left(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    add_homes(postgres.url, [GATEWAY])
    desk, folder = Desk(broker), tmp_path / "alerting"
    folder.mkdir(mode=0o755)
    for name in ("spool.jsonl", "spool.settled", "registry.bin"):
        (folder / name).touch(mode=0o644)
        (folder / name).chmod(0o644)
    settings = {"SHOUWANG_DATABASE_URL": postgres.url, "SHOUWANG_ALERTING_SNAPSHOT_S": "0.1"}
    with service("alerting", broker.settings("svc-alerting"), tmp_path, **settings) as alerting:
        wait_for(lambda: "connected to the broker" in alerting.log(), 60, alerting.log)
        postgres.stop()
        at = desk.report("sos_pressed", "sos-button")
        wait_for(lambda: (folder / "spool.jsonl").stat().st_size > 0, 20, alerting.log)
        desk.report("smoke_detected", "radar", time_us=at + 1)
        postgres.start()
        wait_for(lambda: (folder / "written.jsonl").stat().st_size > 0, 40, alerting.log)
        wait_for(lambda: bool(list(folder.glob("*.snapshot"))), 20, alerting.log)
        assert open_to_others(folder) == []
        assert "locals" not in alerting.log()
    desk.stop()


def test_the_buffers_of_a_home_are_private_also_those_of_an_older_version(tmp_path: Path) -> None:
    for name, old in (("new.sqlite", False), ("old.sqlite", True)):
        path = tmp_path / name
        if old:
            path.touch()
            path.chmod(0o644)
        file = OutboxFile(path, 10_000_000)
        try:
            assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.glob(f"{name}*")} == {0o600}
        finally:
            file.close()
