"""The doctor sees the disk of each part that is full: of bytes, or of files."""

from pathlib import Path

import pytest

from shouwang.doctor.files import disk_checks
from tests.support.disks import SmallDisk

pytestmark = pytest.mark.integration
PARTS = ("database", "broker", "alerting")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("full_of", ["bytes", "files"])
def test_the_disk_of_each_part(tmp_path: Path, part: str, full_of: str) -> None:
    disks = {name: SmallDisk(tmp_path / name, "1m,nr_inodes=100") for name in PARTS}
    mounted = []
    try:
        for name, disk in disks.items():
            if why := disk.mount():
                pytest.skip(why)
            mounted.append(name)
        folders = [str(disk.folder) for disk in disks.values()]
        assert all(row.good for row in disk_checks(folders))
        if full_of == "bytes":
            disks[part].fill()
        else:
            for number in range(96):
                (disks[part].folder / str(number)).touch()
        rows = {row.what: row for row in disk_checks(folders)}
        bad = [what for what, row in rows.items() if not row.good]
        assert bad == [f"disk of {disks[part].folder}"]
        assert ("FULL" if full_of == "bytes" else "more files can be made") in rows[bad[0]].text
    finally:
        for name in mounted:
            disks[name].unmount()
