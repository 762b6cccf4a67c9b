#!/bin/bash
# lint.sh: format, lint rules, types (strict), and who may import whom. Runs all four, then tells which failed.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()
check() { .venv/bin/"$@" || failed+=("$1"); }
check ruff format --check .
check ruff check .
check mypy
check lint-imports
[ ${#failed[@]} = 0 ] || { echo "lint failed: ${failed[*]}"; exit 1; }
