"""Tests that take long and whose matter a shorter one holds as well: they run before a release."""

import os

import pytest

LONG_RUN = bool(os.environ.get("SHOUWANG_TEST_LONG"))
before_a_release = pytest.mark.skipif(not LONG_RUN, reason="long: set SHOUWANG_TEST_LONG=1, before a release")
