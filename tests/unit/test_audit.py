"""The look-up of known vulnerabilities never looks like good news where nothing was looked up."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"  # discard (RFC 863): nobody listens


def test_without_a_network_it_says_that_it_says_nothing() -> None:
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), NOWHERE)
    pip = {
        "PIP_INDEX_URL": f"{NOWHERE}/simple",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
    }
    done = subprocess.run(
        ["tools/audit.sh"], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **proxies, **pip}
    )
    assert done.returncode == 3
    assert "This run says nothing about vulnerabilities; it needs a network" in done.stdout
    assert "with known vulnerabilities" not in done.stdout
