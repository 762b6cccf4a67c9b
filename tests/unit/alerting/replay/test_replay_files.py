"""READINGS.csv and RESIDENTS.toml: what is read, what is refused, by which line and with what advice."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerting.replay import what_if
from alerting.replay.files import RUN_ON_US, recording_of, write_rejects
from alerting.replay.residents import NEVER_S, ResidentEntry, ResidentsFile, district_of, read_residents
from alerting.replay.rows import Rows, read_rows

HEADER = "time,resident,device,channel,value\n"
GOOD = "2026-03-01T08:00:00+08:00,R1,radar,heart_rate,72\n"
AT = 1_772_323_200_000_000


def rows_of(tmp_path: Path, text: str | bytes, zone: dt.tzinfo | None = None) -> Rows:
    file = tmp_path / "readings.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rows(file, zone)


def test_times_of_every_form_mean_the_same(tmp_path: Path) -> None:
    forms = [
        "2026-03-01T08:00:00+08:00",
        "2026-03-01T00:00:00Z",
        "2026-03-01 00:00:00.000000+00:00",
        "2026-03-01T00:00:00.000000000Z",
        str(AT),
        "2026-03-01T08:00",
    ]
    for text in ["".join(f"{form},R1,radar,heart_rate,72\n" for form in forms)] + [
        f"{form},R1,radar,heart_rate,72\n" for form in forms
    ]:
        rows = rows_of(tmp_path, HEADER + text, ZoneInfo("Asia/Shanghai"))
        assert not rows.rejects
        assert {int(t) for batch in rows.batches for t in batch.time_us} == {AT}


@pytest.mark.parametrize(
    ("row", "advice"),
    [
        ("yesterday,R1,radar,heart_rate,72", "no time between 2000 and 2100"),
        ("2026-03-01T08:00:00,R1,radar,heart_rate,72", "--zone"),
        ("1772323200,R1,radar,heart_rate,72", "µs since 1970"),
        ("2026-02-30T08:00:00Z,R1,radar,heart_rate,72", "no time"),
        ("2026-03-01T08:00:00Z,,radar,heart_rate,72", "no resident"),
        ("2026-03-01T08:00:00Z,R1,,heart_rate,72", "no device"),
        ("2026-03-01T08:00:00Z,R1,radar,hart_rate,72", "no channel or event 'hart_rate'"),
        ("2026-03-01T08:00:00Z,R1,radar,heart_rate,fast", "'fast' is no number"),
        ("2026-03-01T08:00:00Z,R1,radar,heart_rate,", "'' is no number"),
        ("2026-03-01T08:00:00Z,R1,radar,heart_rate,nan", "'nan' is no number"),
        ("2026-03-01T08:00:00Z,R1,radar,battery,720", "720 is not possible for battery"),
        ("2026-03-01T08:00:00Z,R1,door,door_open,ajar", "'ajar' is no number"),
        ("2026-03-01T08:00:00Z,R1,button,sos_pressed,{broken", "JSON object"),
        ("2026-03-01T08:00:00Z,R1,radar,heart_rate", "4 columns, not 5"),
        ("2026-03-01T08:00:00Z,R1,radar,heart_rate,72,1", "6 columns, not 5"),
    ],
)
def test_a_bad_row_is_told_by_its_line(tmp_path: Path, row: str, advice: str) -> None:
    rows = rows_of(tmp_path, f"{HEADER}{GOOD}\n{GOOD}{row}\n{GOOD}")
    assert [reject.line for reject in rows.rejects] == [5]  # the third line is blank
    assert advice in rows.rejects[0].why
    assert sum(len(batch.value) for batch in rows.batches) == 3
    assert rows.lines == 4
    write_rejects(tmp_path / "rejects.csv", rows.rejects)
    assert (tmp_path / "rejects.csv").read_text().splitlines()[1].startswith("5,")


def test_bytes_that_are_no_text_are_told_too(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, HEADER.encode() + GOOD.encode() + b"2026-03-01T08:00:00Z,\xff\xfe,radar,heart_rate,72\n")
    assert [reject.line for reject in rows.rejects] == [3]


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    text = (HEADER + GOOD).replace("\n", "\r\n").encode("utf-8-sig")
    assert rows_of(tmp_path, text).batches[0].value.tolist() == [72]


def test_lines_are_counted_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerting.replay.rows.BLOCK_BYTES", 300)
    lines, expected = [HEADER.strip()], []
    for number in range(2, 300):
        bad = {0: "a,b", 3: f"{AT},,radar,heart_rate,72", 5: f"{AT},R1,radar,heart_rate,x", 6: ""}.get(number % 17)
        lines.append(GOOD.strip() if bad is None else bad)
        if bad:
            expected.append(number)
    rows = rows_of(tmp_path, "\n".join(lines) + "\n")
    assert [reject.line for reject in rows.rejects] == expected
    assert sum(len(batch.value) for batch in rows.batches) == sum(line == GOOD.strip() for line in lines)


def test_events_have_values(tmp_path: Path) -> None:
    text = (
        "time,resident,device,event,value\n"
        f'{AT},R1,pendant,fall_suspected,"{{""peak_g"": 3.1}}"\n'
        f"{AT},R1,button,sos_pressed,\n"
        f"{AT},R1,climate,battery_low,12\n"
    )
    values = {event.kind: event.values for event in rows_of(tmp_path, text).events}
    assert values == {"fall_suspected": {"peak_g": 3.1}, "sos_pressed": {}, "battery_low": {"value": 12.0}}


def test_a_file_that_was_exported_is_read_and_the_rest_named(tmp_path: Path) -> None:
    text = (
        "time_utc,time_shanghai,resident,device,room,channel,value,unit\n"
        "2026-03-01T00:00:00Z,2026-03-01T08:00:00+08:00,R1,radar,bedroom,heart_rate,72.0,/min\n"
    )
    rows = rows_of(tmp_path, text)
    assert rows.batches[0].time_us.tolist() == [AT]
    assert rows.ignored_columns == ["time_shanghai", "room", "unit"]


def test_any_time_can_be_what_a_wrong_clock_said_where_it_is_known_when_it_was_received(tmp_path: Path) -> None:
    text = (
        "time,received,resident,device,channel,value\n"
        f"1970-01-01T00:00:00Z,{AT},R1,cuff,systolic_bp,128\n"
        f"1970-01-01T00:00:00Z,,R1,cuff,systolic_bp,128\n"
        f"yesterday,{AT},R1,cuff,systolic_bp,128\n"
    )
    rows = rows_of(tmp_path, text)
    assert [batch.time_us.tolist() for batch in rows.batches] == [[0]]
    assert [reject.line for reject in rows.rejects] == [3, 4]


def test_what_ends_as_it_begins_is_over(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, f"time,end,resident,device,channel\n{AT},{AT},R1,pir,motion\n")
    assert [(b.time_us.tolist(), b.value.tolist()) for b in rows.batches] == [([AT], [1]), ([AT + 1000], [0])]


def test_when_it_was_received(tmp_path: Path) -> None:
    text = (
        "time,received,resident,device,channel,value\n"
        f"{AT},{AT + 5_000_000},R1,radar,heart_rate,72\n"
        f"{AT},,R1,radar,heart_rate,72\n"
        f"{AT},{AT - 4 * 3_600_000_000},R1,radar,heart_rate,72\n"
    )
    rows = rows_of(tmp_path, text)
    received = np.concatenate([b.received_us for b in rows.batches]).tolist()
    assert received == [AT + 5_000_000, AT, AT - 4 * 3_600_000_000], "the device's clock may be ahead"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "no column 'time'"),
        ("time,resident,device,value\n", "no column 'channel'"),
        ("time,time,resident,device,channel,value\n", "names time twice"),
    ],
)
def test_a_header_that_lacks_something(tmp_path: Path, text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        rows_of(tmp_path, text)


def test_nothing_good_is_nothing_to_replay(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, HEADER)
    with pytest.raises(ValueError, match="nothing to replay"):
        recording_of(rows, ResidentsFile([ResidentEntry(code="R1")]))


def residents(tmp_path: Path, text: str) -> ResidentsFile:
    file = tmp_path / "residents.toml"
    file.write_text(text)
    return read_residents(file)


def test_residents_their_homes_and_devices(tmp_path: Path) -> None:
    file = residents(
        tmp_path,
        """
        [[resident]]
        code = "R1"
        household = "H1"
        spo2_scale = 2
        limits.heart_rate = { low = 45, high = 120 }
        tuning = { "baseline.sudden_minutes" = 20 }
        [[resident.device]]
        name = "radar"
        model = "seeed-mr60bha2"
        room = "bedroom"
        [[resident.device]]
        name = "pir"
        room = "kitchen"
        shared = true
        [[resident]]
        code = "R2"
        household = "H1"
        [[resident]]
        code = "R3"
        """,
    )
    district = district_of(file, {("R1", "cuff"): {"systolic_bp"}, ("R1", "radar"): {"in_bed"}})
    assert [(p.code, p.id) for p in district.people] == [("R1", 1), ("R2", 2), ("R3", 3), ("H1", None)]
    assert district.people[0].limits == {"heart_rate": (45, 120)}
    assert district.people[0].spo2_scale == 2
    radar, pir, cuff = (district.sources["gw-H1", f"R1.{name}"] for name in ("radar", "pir", "cuff"))
    assert (radar.person, radar.home, radar.heartbeat_s, radar.room) == (0, 3, 60, "bedroom")
    assert (pir.person, pir.home) == (None, 3)
    assert cuff.heartbeat_s == NEVER_S
    assert cuff.gives == {"systolic_bp"}
    assert radar.gives >= {"in_bed", "heart_rate", "respiration_rate"}
    assert set(district.gateways) == {"gw-H1", "gw-R3"}


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("[[resident]\n", "docs/replay.md"),
        ("[[resident]]\nname = 'x'\n", "docs/replay.md"),
        ("[[resident]]\ncode='R1'\n[[resident]]\ncode='R1'\n", "stands there 2 times"),
        ("[[resident]]\ncode='R1'\nspo2_scale=3\n", "spo2_scale is 1"),
        ("[[resident]]\ncode='R1'\nlimits.mood={low=1}\n", "no limits for 'mood'"),
        ("[[resident]]\ncode='R1'\ntuning={'a.b'=1}\n", "no parameter 'a.b'"),
        ("[[resident]]\ncode='R1'\ntuning={'baseline.sudden_minutes'=1e9}\n", "lies between 2 and 60 min, not at 1e"),
        ("[[resident]]\ncode='R1'\n[[resident.device]]\nname='x'\nmodel='y'\n", "no model 'y'"),
    ],
)
def test_a_residents_file_that_is_wrong(tmp_path: Path, text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        residents(tmp_path, text)


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("baseline.suden_minutes=5", "did you mean baseline.sudden_minutes"),
        ("zzz", "there are: "),
        ("baseline.sudden_minutes=soon", "write baseline.sudden_minutes=NUMBER"),
        ("baseline.sudden_minutes=1000", "lies between 2 and 60 min"),
    ],
)
def test_a_parameter_that_is_none(setting: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        what_if.parse([setting])
    assert what_if.parse(["baseline.sudden_minutes= 5"]) == {"baseline.sudden_minutes": 5}


def test_activations_with_an_end_are_on_and_off_again(tmp_path: Path) -> None:
    text = (
        "Start,End,Resident,Sensor,Channel\n"
        "2026-03-01 08:00:00,2026-03-01 08:00:20,R1,pir,motion\n"
        "2026-03-01 08:01:00,2026-03-01 08:00:00,R1,pir,motion\n"
    )
    rows = rows_of(tmp_path, text, ZoneInfo("Asia/Shanghai"))
    found = sorted((int(t), float(v)) for b in rows.batches for t, v in zip(b.time_us, b.value, strict=True))
    assert found == [(AT, 1.0), (AT + 20_000_000, 0.0)]
    assert [(reject.line, reject.why) for reject in rows.rejects] == [(3, "it ends before it begins: check both times")]


def test_words_for_on_and_off_and_a_column_each_for_channels_and_events(tmp_path: Path) -> None:
    text = (
        "TIME,resident,device,channel,event,value\n"
        f"{AT},R1,door,door_open,,open\n"
        f"{AT + 1},R1,door,door_open,,关\n"
        f"{AT + 2},R1,pir,motion,,\n"
        f"{AT + 3},R1,button,,sos_pressed,\n"
    )
    rows = rows_of(tmp_path, text)
    assert not rows.rejects
    assert {b.channel: b.value.tolist() for b in rows.batches} == {"door_open": [1, 0], "motion": [1]}
    assert [event.kind for event in rows.events] == ["sos_pressed"]


def test_rooms_by_name_and_one_front_door(tmp_path: Path) -> None:
    devices = ("Maindoor", "Cabinet", "Fridge", "bedroom-toilet", "radar")
    text = "".join(f"{AT},R1,{name},{'door_open' if name != 'radar' else 'heart_rate'},1\n" for name in devices)
    played = recording_of(rows_of(tmp_path, HEADER + text), ResidentsFile([]))
    rooms = {s.name.partition(".")[2]: s.room for s in played.recording.district.sources.values()}
    assert rooms == dict(zip(devices, ("hall", "inside", "kitchen", "bathroom", ""), strict=True))
    assert played.residents == ["R1"]
    alone = recording_of(rows_of(tmp_path, HEADER + f"{AT},R1,m7,door_open,1\n"), ResidentsFile([]))
    assert [s.room for s in alone.recording.district.sources.values()] == [""]  # the front door


def test_the_clock_runs_on_past_the_last_row_or_to_a_moment(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, HEADER + GOOD)
    assert recording_of(rows, ResidentsFile([])).recording.end_us == AT + RUN_ON_US
    later = recording_of(rows, ResidentsFile([]), AT + 60_000_000)
    assert later.recording.end_us == AT + 60_000_000
    assert all(contact.end_us == AT + 60_000_000 for contact in later.recording.contacts)
