#!/bin/bash
# sbom.sh: write build/sbom.json, the bill of materials (CycloneDX 1.6) of every dependency in requirements.lock.
#
# Name, version and package URL of each, those of developers included; no address of a registry. Looks nothing up.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/python -c 'import cyclonedx_py' 2>/dev/null ||
  .venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint requirements.lock 'cyclonedx-bom>=7.5'
mkdir -p build
.venv/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --spec-version 1.6 \
  --no-validate --output-reproducible --output-file build/sbom.json
.venv/bin/python -c "
import json
print('build/sbom.json:', len(json.load(open('build/sbom.json'))['components']), 'components')"
