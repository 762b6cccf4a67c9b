"""A disk that takes nothing: alerts go on, and what could not be kept is kept once there is room again."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from alerting.core.finding import Finding
from alerting.detection.engine.engine import Engine
from alerting.detection.kit.context import District, Person
from alerting.service import spool as spools
from alerting.service.journal import Journal
from alerting.service.spool import Spool
from alerting.service.storing.record import Record
from database.local_copy import replace_copy
from tests.support.disks import refusing_writes


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


START = 1_800_000_000_000_000


def record(number: int) -> Record:
    finding = Finding(
        action="open",
        rule="sos",
        rule_version=1,
        severity="emergency",
        subject="resident:R0001",
        household_id=7,
        resident_id=1,
        onset_us=START + number,
        sensed_us=START,
        reason_zh="求助",
        reason_en="SOS",
    )
    return Record(finding, START, START)


def numbers(spool: Spool) -> list[int]:
    return [waiting.finding.onset_us - START for waiting in spool.waiting()]


def test_alerts_reach_the_writer_although_the_disk_is_full_and_the_disk_once_it_is_not(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "AGAIN_S", 0.0)
    spool = stack.enter_context(closing(Spool(tmp_path)))
    spool.put([record(0)])
    with refusing_writes():
        spool.put([record(1)])
        first = spool.wait(0)
        assert first is not None
        assert first.finding.onset_us == START
        spool.settle()
        assert numbers(spool) == [1]
    spool.put([record(2)])
    again = stack.enter_context(closing(Spool(tmp_path)))  # as after a kill
    assert numbers(again)[-2:] == [1, 2]


def test_a_torn_line_takes_no_other_with_it(stack: ExitStack, tmp_path: Path) -> None:
    spool = stack.enter_context(closing(Spool(tmp_path)))
    spool.put([record(0)])
    spool.close()
    with (tmp_path / "spool.jsonl").open("ab") as file:
        file.write(b'{"finding": {"act')
    spool = stack.enter_context(closing(Spool(tmp_path)))
    spool.put([record(1)])
    assert numbers(stack.enter_context(closing(Spool(tmp_path)))) == [0, 1]


def repeated(folder: Path) -> list[bytes]:
    with closing(Journal(folder)) as journal:
        return [payload for _, _, payload in journal.repeated()]


def test_the_journal_goes_on_when_there_is_room_again(stack: ExitStack, tmp_path: Path) -> None:
    journal = stack.enter_context(closing(Journal(tmp_path)))
    journal.append(1, [("care/v1/00/gw/events", b"one")])
    with refusing_writes():
        journal.append(2, [("care/v1/00/gw/events", b"lost")])
    journal.append(3, [("care/v1/00/gw/events", b"three")])
    with refusing_writes():
        journal.snapshot(lambda: b"memory")
        journal.close()
    journal = stack.enter_context(closing(Journal(tmp_path)))
    journal.append(4, [("care/v1/00/gw/events", b"four")])
    assert repeated(tmp_path) == [b"one", b"three", b"four"]


@pytest.mark.parametrize("cut", range(1, 35, 3))
def test_a_torn_end_of_the_journal_takes_nothing_that_follows_with_it(
    stack: ExitStack, tmp_path: Path, cut: int
) -> None:
    journal = stack.enter_context(closing(Journal(tmp_path)))
    journal.append(1, [("care/v1/00/gw/events", b"one")])
    whole = (tmp_path / "engine-0.journal").read_bytes()
    journal.append(2, [("care/v1/00/gw/events", b"two" * 5)])
    journal.close()
    file = tmp_path / "engine-0.journal"
    file.write_bytes(file.read_bytes()[: len(whole) + cut])
    journal = stack.enter_context(closing(Journal(tmp_path)))
    assert [payload for _, _, payload in journal.repeated()] == [b"one"]
    journal.append(3, [("care/v1/00/gw/events", b"three")])
    assert repeated(tmp_path) == [b"one", b"three"]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("damaged", [b"\x93\x01", b"\x78\x01\x00"])
def test_a_damaged_snapshot_is_not_used_and_the_one_before_is(
    stack: ExitStack, tmp_path: Path, packed: bool, damaged: bytes
) -> None:
    journal = stack.enter_context(closing(Journal(tmp_path)))
    engine = Engine(District([Person(id=1, code="R0001", household_id=7)], {}, {}), START)
    journal.snapshot(engine.memory, packed=packed)
    journal.close()
    (written,) = tmp_path.glob("*.snapshot")
    assert packed == (written.read_bytes() != engine.memory())
    (tmp_path / "engine-9.snapshot").write_bytes(damaged)
    memory = stack.enter_context(closing(Journal(tmp_path))).remembered()
    assert memory is not None
    assert [person.code for person in memory.people] == ["R0001"]


def test_a_copy_that_can_not_be_kept_stops_nothing_and_the_old_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "registry.bin"
    replace_copy(file, b"old")
    with refusing_writes():
        replace_copy(file, b"new")
    assert file.read_bytes() == b"old"
    replace_copy(file, b"new")
    assert file.read_bytes() == b"new"
