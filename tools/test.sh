#!/bin/bash
# test.sh [PYTEST OPTION...]: lint and every test; ends with how many tests were skipped, why, and what would run them.
set -uo pipefail
cd "$(dirname "$0")/.."
missing=$(mktemp)
lint=$(mktemp)
skipped=$(mktemp) # written by tests/support/skips.py
trap 'rm -rf "$missing" "$lint" "$skipped"' EXIT
export SHOUWANG_TEST_SKIPPED=$skipped
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
# lint needs one core: meanwhile the other compiles the tests, once instead of in each process. What is left of lint then
# runs beside the tests, which wait more than they compute.
tools/lint.sh >"$lint" 2>&1 &
linted=$!
env -u PYTHONDONTWRITEBYTECODE -u SHOUWANG_TEST_SKIPPED .venv/bin/python -m pytest -q --collect-only >/dev/null 2>&1
# six processes share the cores: threads of the numeric libraries would only stand in each other's way
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# where nothing compiled may be kept, each of the many child processes compiles the whole program anew
unset PYTHONDONTWRITEBYTECODE
# a file is the unit: what it starts (a platform, a cluster) is started once; tests wait for servers more than they compute.
# In the order of tests/conftest.py the long files come first, and the many quick unit tests fill the end.
stage "tests" .venv/bin/python -m pytest -q --numprocesses 6 --dist loadfile --no-loadscope-reorder "$@"
echo "== lint"
wait "$linted" || failed+=("lint")
cat "$lint"

echo
echo "== summary after $((SECONDS - begin)) s"
if [ -s "$missing" ]; then
  echo "not on this machine:"
  sed 's/^/  - /' "$missing"
fi
if [ -s "$skipped" ]; then cat "$skipped"; else echo "skipped: unknown, the tests did not come to their end"; fi
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED: ${failed[*]}"
  exit 1
fi
echo "all good"
