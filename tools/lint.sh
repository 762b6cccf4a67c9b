#!/bin/bash
# lint.sh: format, lint rules, types (strict), and who may import whom.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
$bin/ruff format --check .
$bin/ruff check .
$bin/mypy
$bin/lint-imports
