"""Alerting takes no message before it knows the homes, and does not live on without a part of itself."""

import threading
from pathlib import Path

import pytest

from alerting.service import service, surroundings
from alerting.service.settings import AlertingSettings
from alerting.service.surroundings import Surroundings
from care_network.records.registry import EMPTY, encode_registry
from database.local_copy import replace_copy
from database.settings import DatabaseSettings
from firmware_profiles.mqtt import Broker

NOWHERE = DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none")


def test_without_database_and_copy_it_waits_and_with_a_copy_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "RETRY_S", 0.01)
    stop, settings = threading.Event(), AlertingSettings(data_dir=tmp_path)
    waiting = threading.Thread(target=Surroundings(settings, NOWHERE).wait_until_known, args=(stop,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    stop.set()
    waiting.join(5)
    assert not waiting.is_alive()
    replace_copy(tmp_path / "registry.bin", encode_registry(EMPTY))
    Surroundings(settings, NOWHERE).wait_until_known(threading.Event())


@pytest.mark.parametrize(("part", "kept"), [("_write", 1), ("_decide", 0)])
def test_a_part_that_dies_ends_the_process_and_a_broken_engine_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, kept: int
) -> None:
    def die(_: service.Alerting) -> None:
        raise OSError("broken")

    monkeypatch.setattr(service.Alerting, part, die)
    monkeypatch.setattr(service.gc, "freeze", lambda: None)
    monkeypatch.setattr(service.sys, "setswitchinterval", lambda _: None)
    replace_copy(tmp_path / "registry.bin", encode_registry(EMPTY))
    name = {"_write": "writer", "_decide": "engine"}[part]
    with pytest.raises(RuntimeError, match=f"died: {name}"):
        service.run(AlertingSettings(data_dir=tmp_path), NOWHERE, Broker(port=1), threading.Event())
    assert len(list(tmp_path.glob("*.snapshot"))) == kept
