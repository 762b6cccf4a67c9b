#!/bin/bash
# test-setup.sh: bring in what the tests need beyond the Python environment of developers.
#
# Tools that have no build for every interpreter, or many dependencies, are tried apart: without them tests are skipped.
# As root on Debian it installs what is missing; elsewhere, or where that fails, it names what will be skipped and how
# to get it. One line a missing thing goes to the file $1. Does nothing when everything is there, so it needs no network.
set -uo pipefail
cd "$(dirname "$0")/.."
missing=${1:-/dev/null}
: >"$missing"
. /etc/os-release 2>/dev/null || true
debian=0
[ "${ID:-}" = debian ] && [ "$(id -u)" = 0 ] && debian=${VERSION_ID%%.*}
export DEBIAN_FRONTEND=noninteractive

has() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null; }
has_file() { [ -e "$1" ]; }
has_chromium() { [ -n "${SHOUWANG_TEST_CHROMIUM:-}" ] || has chromium || has chromium-browser || has google-chrome; }
has_font() { has fc-list && [ -n "$(fc-list :lang=zh file)" ]; }

packages=()
has mosquitto || packages+=(mosquitto)
has nats-server || packages+=(nats-server) # the version that the guide's administrators get
has nginx || packages+=(nginx-light)
has promtool || packages+=(prometheus)
has_chromium || packages+=(chromium)
has_font || packages+=(fonts-noto-cjk fontconfig)
case $debian in
  12)
    has_file /usr/lib/postgresql/15/bin/postgres || packages+=(postgresql-15)
    has_file /usr/lib/postgresql/15/bin/pg_config && has_file /usr/include/postgresql/15/server/postgres.h ||
      packages+=(postgresql-server-dev-15)
    has cmake || packages+=(cmake)
    has g++ && has dpkg-source || packages+=(build-essential dpkg-dev)
    ;;
  0 | "") ;;
  *) has_file /usr/share/postgresql/17/extension/timescaledb.control || packages+=(postgresql-17-timescaledb) ;;
esac

if [ ${#packages[@]} -gt 0 ] && [ "$debian" != 0 ]; then
  echo "installing: ${packages[*]}"
  { apt-get -qq update || echo "the package lists could not be renewed; trying with the old ones" >&2; } 2>&1 | tail -3
  log=$(mktemp)
  for package in "${packages[@]}"; do # one by one: what can be had is had
    apt-get -qq -y --no-install-recommends install "$package" >"$log" 2>&1 || { echo "apt-get install $package failed:"; tail -5 "$log"; }
  done
  rm -f "$log"
fi

has mosquitto || echo "tests on mosquitto: apt-get install mosquitto" >>"$missing"
has nats-server || echo "tests on the distribution's own NATS: apt-get install nats-server" >>"$missing"
has nginx || echo "the reverse proxy of the guide: apt-get install nginx-light" >>"$missing"
has promtool || echo "tests of Prometheus's rules: apt-get install prometheus" >>"$missing"
has_chromium || echo "browser tests: apt-get install chromium fonts-noto-cjk, or set SHOUWANG_TEST_CHROMIUM" >>"$missing"
has_font || echo "Chinese text in screenshots: apt-get install fonts-noto-cjk" >>"$missing"

for tool in atheris:atheris cyclonedx_py:cyclonedx-bom; do
  .venv/bin/python -c "import ${tool%%:*}" 2>/dev/null ||
    .venv/bin/python -m pip install -q --disable-pip-version-check --constraint requirements.lock "${tool#*:}" >/dev/null 2>&1 ||
    echo "fuzzing by coverage, the bill of materials: .venv/bin/pip install -c requirements.lock ${tool#*:}" >>"$missing"
done

if [ -z "${SHOUWANG_TEST_TIMESCALEDB_BIN:-}" ] && ! ls /usr/share/postgresql/*/extension/timescaledb.control >/dev/null 2>&1; then
  if ! { [ "${VERSION_ID:-}" = 12 ] && tools/timescaledb-apache.sh; }; then
    echo "tests on TimescaleDB: Debian 12: install postgresql-15 postgresql-server-dev-15 cmake build-essential and run" \
      "tools/timescaledb-apache.sh; Debian 13: apt-get install postgresql-17-timescaledb; else set" \
      "SHOUWANG_TEST_TIMESCALEDB_BIN to the folder of a 'postgres' that has it" >>"$missing"
  fi
fi
exit 0
