"""No secret lies in the tree, and the scanner finds one of each kind."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCAN = runpy.run_path(str(ROOT / "tools" / "secrets_scan.py"))
RULES, findings = SCAN["RULES"], SCAN["findings"]

# cut in two, so that the scan of the tree does not find them here
EXAMPLES = {
    "private key": "-----BEGIN EC PRIVATE " + "KEY-----",
    "age key": "AGE-SECRET-" + "KEY-1" + "Q" * 58,
    "AWS key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "Alibaba Cloud key": "LTAI" + "5tAbCdEfGhIjKlMnOpQr",
    "Tencent Cloud key": "AKID" + "a" * 32,
    "GitHub token": "ghp_" + "a" * 36,
    "GitLab token": "glpat-" + "a" * 20,
    "PyPI token": "pypi-AgEIcHlwaS5vcmc" + "a" * 30,
    "npm token": "npm_" + "a" * 36,
    "Slack token": "xoxb-" + "1234567890",
    "robot's key": "https://oapi.dingtalk.com/robot/send?access_token=" + "0" * 64,
    "JSON web token": "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 20,
    "password in an address": "postgresql://shouwang:" + "hK9-xx7Q@db/shouwang",
    "link key": "A" * 43 + "=",
}


def test_the_tree_holds_no_secret() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "secrets_scan.py"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_history_holds_no_secret() -> None:
    """As much of it as is here: a shallow clone has its newest commits alone."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "secrets_scan.py", "--history"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES)
def test_each_kind_of_secret_is_found(rule: str) -> None:
    assert list(findings(["", EXAMPLES[rule]])) == [(2, rule)]


def test_what_is_meant_is_passed_over() -> None:
    assert not list(findings(["postgresql://shouwang:CHANGE-ME@localhost/shouwang", "https://user@host/path"]))
