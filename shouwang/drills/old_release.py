"""The place of the upgrade drill: the services of an older release, on the schema that it made, with its data.

The older release is a commit of this repository, unpacked beside it; its services run in this environment's libraries.
Where the repository's history is not there (an installed package, a shallow copy), the drill cannot be run.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

import shouwang
from database.grade import Grade, schema_grade
from database.migrate import migrate
from database.rights.roles import create_roles
from device_simulators.homes import demo_home
from firmware_profiles.link.mqtt import Broker
from shouwang.drills.load import Homes
from shouwang.drills.place import Place
from shouwang.drills.receiver import CHANNELS
from shouwang.platform.homes import write_home
from shouwang.platform.platform import SERVICES

FIRST_RELEASE = "4f378f4467d2c56ec6765420e835c7cb9fcd6757"
"""The commit with the oldest schema that a district with data may have: migrations before 0060."""
AGENT = "edge"
"""The real edge agent among the homes."""
# Its own migration and its own district; it prints where its services are.
_LOADER = """
import json, sys, types
from pathlib import Path
try:
    from shouwang.platform.platform import MODULES, Platform
except ImportError:
    from shouwang.platform import MODULES, Platform
from database.migrate import migrate
from device_simulators.homes import demo_home
url, data, homes = sys.argv[1:]
migrate(url)
place = Platform(Path(data), 1)
place.postgres = types.SimpleNamespace(url=url)
place.broker = types.SimpleNamespace(allow_gateways=lambda names: None)
place.load_district([demo_home(number) for number in range(1, int(homes) + 1)])
print(json.dumps(MODULES))
"""


class OldRelease(Place):
    """As :class:`Place`, with all services of the old release at first; :meth:`change` puts another one in its place.

    One home more than asked for is a real edge agent, of the old release, with simulated devices. Raises RuntimeError
    where the old release cannot be had.
    """

    def __init__(
        self, folder: Path, homes: int, *, pairs: bool = False, standby: bool = False, load: type[Homes] = Homes
    ) -> None:
        self._tree = unpack(folder / "old-release")
        super().__init__(folder / "place", homes, pairs=pairs, standby=standby, load=load)
        self._agent_home = demo_home(homes + 1)
        self._old_modules: dict[str, str] = {}
        self._old = {*SERVICES, AGENT}

    def migrate(self) -> None:
        """Bring the schema to this release, as its owner."""
        migrate(self.postgres.url)

    def change(self, name: str, *, old: bool) -> None:
        """Stop a service (or the agent) and start it from the old release, or from this one."""
        (self._old.add if old else self._old.discard)(name)
        self.stop_child(name)
        if name == AGENT:
            self._start_agent()
        else:
            self.start_service(name)

    def start_services(self, services: Sequence[str] = SERVICES) -> None:
        super().start_services(services)
        home = self._agent_home
        file = self.data / "agent" / "home.toml"
        write_home(file, home.gateway, self._home_broker(home.gateway), home.devices, {"seed": 1, "scenarios": []})
        self._start_agent()

    def start_child(
        self, name: str, arguments: Sequence[str], broker: Broker | None, environment: Mapping[str, str]
    ) -> None:
        if name not in self._old:
            super().start_child(name, arguments, broker, environment)
            return
        channels = self.data / "channels-old.toml"
        channels.write_text(CHANNELS.partition("[ceiling]")[0].format(url=self.receiver.url))  # it knows no ceiling
        owner = self.postgres.url.replace(f":{self.postgres.port}/", f":{self.database_line.port}/")
        own = {
            "PYTHONPATH": str(self._tree),
            "SHOUWANG_DATABASE_URL": owner,  # it knows no roles
            "SHOUWANG_NOTIFY_CHANNELS_FILE": str(channels),
        }
        known = ["-m", self._old_modules[name]] if name in self._old_modules else arguments
        # -P: the folder in which the drill was started may hold this release
        super().start_child(name, ["-P", *known], broker, {**environment, **own})

    def _prepare_database(self) -> Grade:
        with psycopg.connect(self.postgres.url, autocommit=True) as conn:
            create_roles(conn, self._passwords)
        command = [
            sys.executable,
            "-P",
            "-c",
            _LOADER,
            self.postgres.url,
            str(self.data),
            f"{len(self._demo_homes) + 1}",
        ]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(self._tree)}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the old release does not load its district: {done.stderr[-800:]}")
        self._old_modules = json.loads(done.stdout.splitlines()[-1])
        with psycopg.connect(self.postgres.url) as conn:
            return schema_grade(conn) or Grade.PLAIN

    def _load(self) -> None:
        """Nothing: the old release loaded its district. The broker hears of the gateways."""
        self.broker.allow_gateways([home.gateway for home in (*self._demo_homes, self._agent_home)])

    def _start_agent(self) -> None:
        self.start_child(AGENT, ["-m", "edge_agent", "--config", str(self.data / "agent" / "home.toml")], None, {})


def unpack(folder: Path, commit: str = FIRST_RELEASE) -> Path:
    """Unpack the program of a commit of our own history. Raises RuntimeError where that is not there."""
    root = Path(shouwang.__file__).parents[1]
    if not (root / ".git").exists():
        raise RuntimeError("the repository's history is not here: run it in a clone")
    if _git(root, "merge-base", "--is-ancestor", commit, "HEAD").returncode:
        raise RuntimeError(f"commit {commit[:10]} is not in this history: fetch all of it (git fetch --unshallow)")
    packed = _git(root, "archive", "--format=tar", commit)
    if packed.returncode:
        raise RuntimeError(f"git archive: {packed.stderr.decode(errors='replace').strip()}")
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(root), *arguments],
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise RuntimeError(f"git: {error.strerror}") from error
