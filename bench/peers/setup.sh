#!/bin/bash
# setup.sh [FOLDER]: the programs that `python -m bench peers` compares with, in a cache folder of their own.
#
# Node-RED comes by npm (needs node 18.5 or newer), collectd from Debian's packages: unpacked, not installed, so that no
# service starts; no root. Changes nothing outside FOLDER. What this machine has no installer for is left out, and the
# bench says so. A second call does nothing; remove FOLDER to begin again.
set -euo pipefail

FOLDER=$(realpath -m "${1:-${SHOUWANG_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/shouwang/peers}}")
NODE_RED=4.1.15 # the newest for node 18 and 20
PG=8.23.1
COLLECTD=5.12 # what Debian 12 has
mkdir -p "$FOLDER"
exec 9>"$FOLDER/.lock"
flock 9

node_red() {
  command -v npm >/dev/null || { echo "node-red: left out, npm is not installed"; return; }
  local want="$NODE_RED $PG" dir=$FOLDER/node-red
  if [ "$(cat "$dir/.done" 2>/dev/null)" != "$want" ]; then
    rm -rf "$dir"
    mkdir -p "$dir"
    npm install --prefix "$dir" --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error \
      "node-red@$NODE_RED" "pg@$PG"
    echo "$want" >"$dir/.done"
  fi
  echo "node-red $NODE_RED: $dir"
}

collectd() {
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "collectd: left out, this is no Debian"; return; }
  local dir=$FOLDER/collectd
  if [ "$(cat "$dir/.done" 2>/dev/null)" != "$COLLECTD" ]; then
    rm -rf "$dir"
    mkdir -p "$dir/packages"
    # libraries of its plugins, in case the machine has none
    (cd "$dir/packages" && apt-get -qq download collectd-core libmosquitto1 libpq5) ||
      { echo "collectd: left out, apt does not find it (apt-get update?)"; rm -rf "$dir"; return; }
    for package in "$dir"/packages/*.deb; do dpkg -x "$package" "$dir"; done
    rm -rf "$dir/packages"
    echo "$COLLECTD" >"$dir/.done"
  fi
  echo "collectd $COLLECTD: $dir"
}

node_red
collectd
