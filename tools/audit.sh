#!/bin/bash
# audit.sh: look up known vulnerabilities of every version in requirements.lock (pip-audit), and say what could not be.
#
# Exit status: 1 where a vulnerability is known, 3 where nothing could be looked up: then the run says nothing, in words.
set -uo pipefail
cd "$(dirname "$0")/.."
why="it needs a network: run it where a package registry and its list of vulnerabilities can be reached"
if ! .venv/bin/python -c 'import pip_audit' 2>/dev/null &&
  ! .venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint requirements.lock 'pip-audit>=2.10' 2>/dev/null; then
  echo "NOTHING was looked up: pip-audit is not here and could not be installed. This run says nothing about vulnerabilities; $why"
  exit 3
fi
report=$(mktemp)
trap 'rm -f "$report" "$report.said"' EXIT
.venv/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off --format json \
  --output "$report" ${SHOUWANG_AUDIT_SERVICE:+--vulnerability-service "$SHOUWANG_AUDIT_SERVICE"} 2>"$report.said"
[ -s "$report" ] || tail -n 1 "$report.said" | cut -c1-300
.venv/bin/python - "$report" "$why" <<'PYTHON'
import json
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text()
parts = json.loads(text)["dependencies"] if text else []
skipped = [part for part in parts if "skip_reason" in part]
known = [(part["name"], part["version"], [one["id"] for one in part["vulns"]]) for part in parts if part.get("vulns")]
looked = len(parts) - len(skipped)
if looked:
    print(f"looked up {looked} of {len(parts)} dependencies; {len(known)} with known vulnerabilities")
for name, version, ids in known:
    print(f"  {name} {version}: {', '.join(ids)}")
if skipped:
    print(f"not looked up: {len(skipped)}, e.g. {skipped[0]['name']}: {skipped[0]['skip_reason'][:100]}")
if not looked:
    print(f"NOTHING was looked up. This run says nothing about vulnerabilities; {sys.argv[2]}")
sys.exit(1 if known else 0 if looked else 3)
PYTHON
