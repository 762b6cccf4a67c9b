#!/bin/bash
# sbom.sh: write build/sbom.json, the bill of materials (CycloneDX 1.6) of what a district and its gateways install.
#
# From a fresh environment with the extras that run there, in the versions of requirements.lock. Each component has name,
# version, licence and package URL; no address of a registry.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip=(.venv/bin/python -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet --constraint requirements.lock 'cyclonedx-bom>=7.5'
.venv/bin/python -m venv --without-pip "$work/venv"
"${pip[@]}" --python "$work/venv/bin/python" install --quiet --constraint requirements.lock '.[server,ble,export]'
mkdir -p build
.venv/bin/cyclonedx-py environment --pyproject pyproject.toml --spec-version 1.6 --output-reproducible \
  --output-file build/sbom.json "$work/venv/bin/python"
.venv/bin/python - <<'PYTHON'
import json
from pathlib import Path

file = Path("build/sbom.json")
bill = json.loads(file.read_text())
for part in bill["components"]:
    part.pop("externalReferences", None)  # where this machine's installer got it: no fact about the component
file.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n")
print(f"{file}: {len(bill['components'])} components")
PYTHON
