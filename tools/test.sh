#!/bin/bash
# test.sh [PYTEST OPTION...]: lint and every test; ends with a summary that names what was skipped and how to get it.
set -uo pipefail
cd "$(dirname "$0")/.."
missing=$(mktemp)
trap 'rm -f "$missing"' EXIT
failed=()
begin=$SECONDS

stage() {
  local name=$1 start=$SECONDS
  shift
  echo "== $name"
  "$@" || failed+=("$name")
  echo "   $name: $((SECONDS - start)) s"
}

stage "setup" tools/test-setup.sh "$missing"
stage "lint" tools/lint.sh
# a file is the unit: what it starts (a platform, a cluster) is started once; tests wait for servers more than they compute
stage "tests" .venv/bin/python -m pytest -q --numprocesses 4 --dist loadfile "$@"

echo
echo "== summary after $((SECONDS - begin)) s"
if [ -s "$missing" ]; then
  echo "skipped on this machine:"
  sed 's/^/  - /' "$missing"
else
  echo "nothing had to be skipped for want of a program"
fi
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED: ${failed[*]}"
  exit 1
fi
echo "all good"
