#!/bin/bash
# audit.sh: look up known vulnerabilities of every version in requirements.lock (pip-audit), and say what could not be.
#
# Exit status: 1 where a vulnerability is known, 3 where nothing could be looked up; then this says nothing.
set -uo pipefail
cd "$(dirname "$0")/.."
.venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint requirements.lock 'pip-audit>=2.10' || exit 3
report=$(mktemp)
trap 'rm -f "$report"' EXIT
.venv/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off --format json \
  --output "$report" ${SHOUWANG_AUDIT_SERVICE:+--vulnerability-service "$SHOUWANG_AUDIT_SERVICE"}
.venv/bin/python - "$report" <<'PYTHON'
import json
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text()
parts = json.loads(text)["dependencies"] if text else []
skipped = [part for part in parts if "skip_reason" in part]
known = [(part["name"], part["version"], [one["id"] for one in part["vulns"]]) for part in parts if part.get("vulns")]
looked = len(parts) - len(skipped)
print(f"looked up {looked} of {len(parts)} dependencies; {len(known)} with known vulnerabilities")
for name, version, ids in known:
    print(f"  {name} {version}: {', '.join(ids)}")
if skipped:
    print(f"not looked up: {len(skipped)}, e.g. {skipped[0]['name']}: {skipped[0]['skip_reason'][:100]}")
if not looked:
    print("NOTHING could be looked up: this run says nothing about vulnerabilities")
sys.exit(1 if known else 0 if looked else 3)
PYTHON
