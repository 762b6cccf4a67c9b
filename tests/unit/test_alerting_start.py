"""Alerting takes no message before it knows the homes."""

import threading
from pathlib import Path

import pytest

from alerting import surroundings
from alerting.kept import keep
from alerting.settings import AlertingSettings
from alerting.surroundings import Surroundings
from care_network.registry import EMPTY, encode_registry
from database.settings import DatabaseSettings

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
    keep(tmp_path / "registry.bin", encode_registry(EMPTY))
    Surroundings(settings, NOWHERE).wait_until_known(threading.Event())
