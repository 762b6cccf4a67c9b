"""Alerting takes no message before it knows the homes, and does not live on without a part of itself."""

import threading
from pathlib import Path

import pytest

from alerting.service import live_district, service
from alerting.service.live_district import LiveDistrict
from alerting.service.receiving.mailbox import Mailbox
from alerting.service.settings import AlertingSettings
from alerting.service.writer import Writer
from care_network.records.registry import EMPTY, encode_registry
from database.local_copy import replace_copy
from database.settings import DatabaseSettings
from firmware_profiles.link.mqtt import Broker

NOWHERE = DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none")


def test_without_database_and_copy_it_waits_and_with_a_copy_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_district, "RETRY_S", 0.01)
    stop, settings = threading.Event(), AlertingSettings(data_dir=tmp_path)
    waiting = threading.Thread(target=LiveDistrict(settings, NOWHERE).wait_until_known, args=(stop,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    stop.set()
    waiting.join(5)
    assert not waiting.is_alive()
    replace_copy(tmp_path / "registry.bin", encode_registry(EMPTY))
    LiveDistrict(settings, NOWHERE).wait_until_known(threading.Event())


@pytest.mark.parametrize(
    ("part", "name", "method", "kept"), [(Writer, "writer", "run", 1), (Mailbox, "engine", "take", 0)]
)
def test_a_part_that_dies_ends_the_process_and_a_broken_engine_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: type, name: str, method: str, kept: int
) -> None:
    def die(*_: object) -> None:
        raise OSError("broken")

    monkeypatch.setattr(part, method, die)
    monkeypatch.setattr(service.gc, "freeze", lambda: None)
    monkeypatch.setattr(service.sys, "setswitchinterval", lambda _: None)
    replace_copy(tmp_path / "registry.bin", encode_registry(EMPTY))
    with pytest.raises(RuntimeError, match=f"died: {name}"):
        service.run(AlertingSettings(data_dir=tmp_path), NOWHERE, Broker(port=1), threading.Event())
    assert len(list(tmp_path.glob("*.snapshot"))) == kept
