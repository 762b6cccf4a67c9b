"""Look for secrets in the tree, or in every commit of the history. secrets_scan.py [--history]

A small set of rules for what must never be here: private keys, tokens of known services, passwords in addresses. What
is meant (passwords of tests and of the demonstration, examples) is listed in ALLOWED. Exit status 1 at a finding; a
finding shows place and rule, never the secret. Reads ``git log -p`` once, about 10 MB a second.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = {
    "private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY(?: BLOCK)?-----(?:$|\s*(?:\\n)?[A-Za-z0-9+/])",
    "age key": r"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    "AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "Alibaba Cloud key": r"\bLTAI[0-9A-Za-z]{16,20}\b",
    "Tencent Cloud key": r"\bAKID[0-9A-Za-z]{32}\b",
    "GitHub token": r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{60,})\b",
    "GitLab token": r"\bglpat-[0-9A-Za-z_-]{20,}",
    "PyPI token": r"\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{20,}",
    "npm token": r"\bnpm_[0-9A-Za-z]{36}\b",
    "Slack token": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "robot's key": r"(?:dingtalk\.com/robot/send\?access_token=|weixin\.qq\.com/cgi-bin/webhook/send\?key=|"
    r"feishu\.cn/open-apis/bot/v2/hook/)[0-9a-f-]{30,}",
    "JSON web token": r"\beyJ[0-9A-Za-z_-]{20,}\.eyJ[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}",
    "password in an address": r"\b(?:postgres(?:ql)?|mqtts?|amqp|redis|https?|nats)://[^\s/:@\"'{}<>$%*]+:[^\s/@\"'{}<>$%*…]{4,}@",
    "link key": r"^[A-Za-z0-9+/]{43}=$",
}
ALLOWED = re.compile(
    r"://[a-z_-]+:(?:[a-z]{1,12}|CHANGE-ME|PASSWORD|\.\.\.)@"  # a plain word of an example
    r"|PRIVATE KEY-----\\n(?:x|abc|\.\.\.)"
)
SKIPPED = re.compile(r"^(?:console/static/|.*\.(?:png|jpg|svg|woff2|npz|min\.js|lock)$)")
_ANY = {name: re.compile(rule) for name, rule in RULES.items()}


def findings(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Give number (from 1) and rule of each line that holds a secret."""
    for number, line in enumerate(lines, 1):
        for name, rule in _ANY.items():
            found = rule.search(line)
            if found and not ALLOWED.search(line):
                yield number, name
                break


def tree() -> Iterator[str]:
    """Scan all files that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, listed.split("\0")):
        file = ROOT / name
        if SKIPPED.match(name) or not file.is_file():
            continue
        for number, rule in findings(file.read_text("utf-8", "replace").splitlines()):
            yield f"{name}:{number}: {rule}"


def history() -> Iterator[str]:
    """Scan all lines that any commit of any branch added."""
    command = ["git", "log", "--all", "-p", "-U0", "--no-color", "--no-ext-diff", "--no-renames", "--format=commit %h"]
    log = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=True).stdout
    commit = name = ""
    for line in log.split("\n"):
        if line.startswith("commit "):
            commit = line.split()[1]
        elif line.startswith("+++ "):
            name = line[6:].rstrip()
        elif line.startswith("+") and not SKIPPED.match(name):
            for _, rule in findings([line[1:].rstrip()]):
                yield f"{commit} {name}: {rule}"


if __name__ == "__main__":
    found = list(history() if "--history" in sys.argv[1:] else tree())
    print("\n".join(found) or "no secrets found")
    sys.exit(1 if found else 0)
