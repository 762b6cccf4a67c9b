#!/bin/bash
# timescaledb-apache.sh [PREFIX]: PostgreSQL 15 with TimescaleDB (Apache-2 features) in a private folder, for tests.
#
# Debian 12 has no TimescaleDB; Debian 13's source package builds against PostgreSQL 15. Needs postgresql-15,
# postgresql-server-dev-15, cmake, build-essential; no root. Changes nothing outside PREFIX. A second call does nothing;
# remove PREFIX to build again. Prints the folder with the binaries.
set -euo pipefail

# Below /var/cache for root: its server runs as another user, who cannot enter /root.
if [ -n "${XDG_CACHE_HOME:-}" ]; then cache=$XDG_CACHE_HOME; elif [ "$(id -u)" = 0 ]; then cache=/var/cache; else cache=$HOME/.cache; fi
PREFIX=$(realpath -m "${1:-$cache/shouwang/timescaledb-pg15}")
VERSION=2.19.3+dfsg # upstream's part only: the Debian revision may change
SHA256=09fd11191768c220b071f61a108df9bd1df5522fbe4e7c2229f30f69b195454a
PG=15
BIN=$PREFIX/usr/lib/postgresql/$PG/bin

[ -x /usr/lib/postgresql/$PG/bin/pg_config ] || { echo "needs postgresql-$PG and postgresql-server-dev-$PG" >&2; exit 1; }
want="$VERSION $(/usr/lib/postgresql/$PG/bin/postgres -V)" # an update of PostgreSQL builds again
if [ "$(cat "$PREFIX/.done" 2>/dev/null)" = "$want" ]; then echo "$BIN"; exit 0; fi
mkdir -p "$PREFIX"
exec 9>"$PREFIX/.lock"
flock 9
if [ "$(cat "$PREFIX/.done" 2>/dev/null)" = "$want" ]; then echo "$BIN"; exit 0; fi

rm -rf "$PREFIX"/{.done,usr,work}
mkdir -p "$PREFIX"/work/{lists/partial,cache/archives/partial}
cd "$PREFIX/work"
exec 3>&1 4>&2 >"$PREFIX/build.log" 2>&1 # not a brace group with ||: that would switch 'set -e' off inside
trap 'rc=$?; [ $rc = 0 ] || { echo "building TimescaleDB failed; the end of $PREFIX/build.log:"; tail -20 "$PREFIX/build.log"; } >&4' EXIT

# apt with state of its own: the machine's package lists stay as they are. apt checks signature and checksums.
uri=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources | head -1)
[ -n "$uri" ] || { echo "no Debian source list in /etc/apt/sources.list.d/debian.sources"; exit 1; }
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri trixie main" >sources.list
apt=(apt-get -qq -oDir::State::Lists="$PWD/lists" -oDir::Cache="$PWD/cache" -oDir::Etc::SourceList="$PWD/sources.list"
  -oDir::Etc::SourceParts=/dev/null -oAPT::Sandbox::User="$(id -un)" -oAcquire::Retries=3)
"${apt[@]}" update
"${apt[@]}" source timescaledb
echo "$SHA256  timescaledb_$VERSION.orig.tar.xz" | sha256sum -c

cmake -S "timescaledb-$VERSION" -B build -DCMAKE_BUILD_TYPE=Release -DAPACHE_ONLY=1 -DUSE_TELEMETRY=OFF \
  -DSEND_TELEMETRY_DEFAULT=OFF -DREGRESS_CHECKS=OFF -DTAP_CHECKS=OFF -DWARNINGS_AS_ERRORS=OFF \
  -DPG_CONFIG=/usr/lib/postgresql/$PG/bin/pg_config
make -C build -j"$(nproc)"

# PostgreSQL finds share/ and lib/ relative to its own binary, so a copy of the tree is a working installation.
mkdir -p "$PREFIX"/usr/{lib,share}/postgresql
cp -a /usr/lib/postgresql/$PG "$PREFIX/usr/lib/postgresql/"
cp -aL /usr/share/postgresql/$PG "$PREFIX/usr/share/postgresql/"
find "$PREFIX/usr" -name 'timescaledb*' -delete # in case the system's tree has one
rm -rf "$PREFIX/usr/lib/postgresql/$PG/lib/bitcode"
DESTDIR=$PREFIX make -C build install
cd /
rm -rf "$PREFIX/work"
chmod -R a+rX "$PREFIX/usr"
echo "$want" >"$PREFIX/.done"
echo "$BIN" >&3
