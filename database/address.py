"""Addresses of a database: what leaves this machine is encrypted and verified, unless the address says otherwise."""

import os

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

LOCAL = frozenset({"localhost", "127.0.0.1", "::1", ""})


def verified(url: str) -> str:
    """Ask for ``sslmode=verify-full`` where a host is another machine and nothing (``PGSSLMODE`` neither) says how.

    libpq's own default, ``prefer``, goes on in plain text with whoever answers (PostgreSQL manual, "SSL Support").
    The authority stands in ``sslrootcert``; without one libpq says where it looked. A text that is no address is
    returned as it is: connecting says why.
    """
    try:
        options = conninfo_to_dict(url)
    except ProgrammingError:
        return url
    hosts = str(options.get("host") or options.get("hostaddr") or os.environ.get("PGHOST", "")).split(",")
    if "sslmode" in options or "PGSSLMODE" in os.environ or all(map(is_local, hosts)):
        return url
    if "://" not in url:
        return f"{url} sslmode=verify-full"
    return f"{url}{'&' if '?' in url else '?'}sslmode=verify-full"


def is_local(host: str) -> bool:
    """Whether a connection to it stays on this machine: loopback, or the folder of a socket."""
    return host in LOCAL or host.startswith(("/", "@"))
