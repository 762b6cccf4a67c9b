"""Tests that take long and whose matter a shorter one holds as well: they run before a release."""

import os

import pytest

LONG_RUN = bool(os.environ.get("SHOUWANG_TEST_LONG"))
before_a_release = pytest.mark.skipif(not LONG_RUN, reason="long: set SHOUWANG_TEST_LONG=1, before a release")
either_broker = pytest.mark.parametrize(
    "broker", ["nats", pytest.param("mosquitto", marks=before_a_release)], indirect=True
)
"""For what another test holds with both brokers, or what does not depend on which one it is."""
