"""What a gateway keeps of what it has sent: within its budget, through damage, and what it answers when asked."""

from pathlib import Path

import msgspec
import pytest

from edge_agent.outbox.resend import Resend
from edge_agent.outbox.sent import SEGMENT_BYTES, Numbered, SentMessages
from firmware_profiles import wire


def message(seq: int, stream: str = "live", size: int = 100) -> Numbered:
    return Numbered(7, stream, seq, seq.to_bytes(4, "big") * (size // 4))


def command(**args: wire.Scalar) -> wire.Command:
    return wire.Command(wire.VERSION, "gap-1", "resend", 0, args)


def nothing_waits(_epoch: int, _stream: str, _first: int, _behind: int) -> set[int]:
    return set()


def test_found_again_after_a_restart_by_epoch_and_stream(tmp_path: Path) -> None:
    sent = SentMessages(tmp_path / "sent", 2**23)
    for seq in range(1, 50):
        sent.keep(message(seq))
        sent.keep(message(seq, "events"))
    for again in (sent, SentMessages(tmp_path / "sent", 2**23)):
        assert again.find(7, "live", 10, 13) == [message(10), message(11), message(12)]
        assert again.find(7, "backfill", 10, 13) == []
        assert again.find(8, "live", 10, 13) == []


def test_the_oldest_goes_when_the_budget_is_reached(tmp_path: Path) -> None:
    sent = SentMessages(tmp_path, 3 * SEGMENT_BYTES)
    for seq in range(1, 60):
        sent.keep(message(seq, size=SEGMENT_BYTES // 8))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 4 * SEGMENT_BYTES
    kept = [one.seq for one in sent.find(7, "live", 1, 60)]
    assert kept == list(range(kept[0], 60))
    assert len(kept) >= 16


@pytest.mark.parametrize("harm", ["torn", "flipped"])
def test_a_spoilt_file_gives_what_is_sound(tmp_path: Path, harm: str) -> None:
    sent = SentMessages(tmp_path, 2**23)
    for seq in range(1, 11):
        sent.keep(message(seq))
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    if harm == "torn":
        del data[-30:]
    else:
        data[-30] ^= 1
    file.write_bytes(data)
    again = SentMessages(tmp_path, 2**23)
    again.keep(message(11))
    assert [one.seq for one in again.find(7, "live", 1, 100)] == [*range(1, 10), 11]


def test_the_answer_names_what_comes_and_what_is_gone(tmp_path: Path) -> None:
    sent = SentMessages(tmp_path, 2**23)
    for seq in (3, 4, 7):
        sent.keep(message(seq))
    resend = Resend(sent)
    asked = command(epoch=7, stream="live", first=2, behind=9)
    answer = msgspec.json.decode(resend.request(asked, lambda *_: {8}))
    assert answer == {"again": [[3, 5], [7, 8]], "gone": [[2, 3], [5, 7]]}, "8 still waits: it is not gone"
    resend.request(asked, nothing_waits)
    assert [one.seq for one in resend.take(10)] == [3, 4, 7], "asked twice, sent once"
    assert resend.take(10) == []


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"epoch": 7, "stream": "gossip", "first": 1, "behind": 2},
        {"epoch": "7", "stream": "live", "first": 1, "behind": 2},
        {"epoch": 7, "stream": "live", "first": 5, "behind": 5},
        {"epoch": 7, "stream": "live", "first": 0, "behind": 5},
    ],
)
def test_a_question_that_is_none_says_why(tmp_path: Path, args: dict[str, wire.Scalar]) -> None:
    with pytest.raises(ValueError, match=r"args are|numbers begin"):
        Resend(SentMessages(tmp_path, 2**23)).request(command(**args), nothing_waits)
