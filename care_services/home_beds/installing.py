"""The device plan of a bed and the acceptance of each device, as people work on them."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from care_network.access.permissions import Action, require
from care_network.errors import NotFoundError, ProvisioningError
from care_services.home_beds import listening, store
from care_services.home_beds.acceptance import AHEAD, Heard, Test, judge
from care_services.home_beds.catalogue import DEVICE_ROOMS, FIRST_PLAN, models_to_plan, same_kind
from care_services.home_beds.desk import MOST_NOTE, Beds
from care_services.home_beds.listening import HomeDevice
from care_services.home_beds.store import Bed, PlannedDevice

PLANNED_IN = ("planning", "installing", "in_service", "suspended")
"""States in which the plan may change: a device is added to a bed in service, too."""
SHOWN = 6
"""Readings and events of a test that are shown, the newest."""
MOST_VISITS = 50
TESTED_IN = ("installing", "in_service", "suspended")


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the plan with its test as it stands now."""

    planned: PlannedDevice
    test: Test
    choices: tuple[HomeDevice, ...]
    """Devices of the home of the same model that stand for no other line of a plan."""
    heard: tuple[Heard, ...] = ()
    """Readings and events since the test began, the newest first; SHOWN at most."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A home in which devices wait for their acceptance."""

    id: int
    name_zh: str
    name_en: str
    area_zh: str
    area_en: str
    address_zh: str
    address_en: str
    due_at: dt.datetime | None
    state: str
    planned: int
    accepted: int


_TO_INSTALL: LiteralString = """
    SELECT b.id, r.name_zh, r.name_en, a.name_zh AS area_zh, a.name_en AS area_en, h.address_zh, h.address_en,
           CASE WHEN b.state = 'installing' THEN b.due_at END AS due_at, b.state, p.planned, p.accepted
    FROM home_bed b JOIN resident r ON r.id = b.resident_id JOIN household h ON h.id = r.household_id
    JOIN area a ON a.id = h.area_id
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS planned, count(d.accepted_at)::integer AS accepted
        FROM home_bed_device d WHERE d.bed_id = b.id AND d.removed_at IS NULL
    ) p
    WHERE b.state IN ('installing', 'in_service', 'suspended') AND a.path <@ %(under)s::ltree AND NOT h.synthetic
      AND (p.planned > p.accepted OR b.state = 'installing')
    ORDER BY b.state <> 'installing', b.due_at NULLS LAST, b.id LIMIT %(most)s
"""


class Installation(Beds):
    """The devices of beds that one account may reach, at one moment."""

    def tests(self, bed: Bed, devices: tuple[PlannedDevice, ...]) -> list[Tested]:
        """How the tests of a bed's devices stand: what was heard since they began. ``bed``: of :meth:`Beds.bed`."""
        waiting = [one for one in devices if one.accepted_at is None]
        heard = self._heard(waiting)
        now = self._at + AHEAD
        home = listening.devices_of_home(self._conn, bed.household_id) if waiting else []
        taken = {one.device_id for one in devices}
        return [
            Tested(
                planned=one,
                test=self._judge(one, heard.get(one.device_id or 0, [])) if one.accepted_at is None else _accepted(one),
                heard=_newest(heard.get(one.device_id or 0, []), since_of(one), now) if one.test_began_at else (),
                choices=tuple(
                    found for found in home
                    if found.model == one.model and (found.id == one.device_id or found.id not in taken)
                ),
            )
            for one in devices
        ]  # fmt: skip

    def add(self, bed_id: int, version: int, room: str, model: str, note: str = "") -> int:
        """Put a device into the plan; gives its number."""
        require(self._account, Action.MANAGE_BEDS)
        if room not in DEVICE_ROOMS:
            raise ProvisioningError(en="choose a room", zh="请选择房间", field="room")
        if model not in models_to_plan():
            raise ProvisioningError(en="choose a device model", zh="请选择设备型号", field="model")
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, PLANNED_IN)
            number = store.add_device(self._conn, bed_id, room, model, note.strip()[:MOST_NOTE])
            self._move(bed, bed.state, "add_device", {}, note, {"room": room, "model": model, "device": number})
        return number

    def add_usual(self, bed_id: int, version: int) -> None:
        """Put in what a bed usually begins with."""
        require(self._account, Action.MANAGE_BEDS)
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, PLANNED_IN)
            there = {(one.room, one.model) for one in store.planned(self._conn, bed_id)}
            home = [one.model for one in listening.devices_of_home(self._conn, bed.household_id)]
            for room, usual in FIRST_PLAN:
                model = same_kind(usual, home)
                if (room, model) not in there:
                    number = store.add_device(self._conn, bed_id, room, model, "")
                    self._record(
                        bed_id, "add_device", (bed.state, bed.state), "",
                        {"room": room, "model": model, "device": number},
                    )  # fmt: skip
            store.move(self._conn, bed_id, {})
            self._trace("change_bed", bed.resident_id, {"bed": bed_id, "step": "add_device"})

    def drop(self, bed_id: int, version: int, number: int) -> None:
        """Take a device out of the plan."""
        require(self._account, Action.MANAGE_BEDS)
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, PLANNED_IN)
            one = self._planned(bed_id, number)
            store.set_device(self._conn, number, {"removed_at": self._at})
            detail = {"room": one.room, "model": one.model, "device": number}
            self._move(bed, bed.state, "drop_device", {}, "", detail)

    def begin_test(self, bed_id: int, version: int, number: int, device: str = "") -> None:
        """Begin the live test of a device, in the flat or from the office: what is heard of it from now on counts.

        ``device``: its name in the home; may be left out where one of that model is there alone. Raises
        ProvisioningError where none is registered.
        """
        require(self._account, Action.ACCEPT_DEVICES)
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, TESTED_IN)
            planned = self._planned(bed_id, number)
            self._not_accepted(planned)
            found = self._choose(bed, planned, device)
            values: dict[str, Any] = {
                "device_id": found.id, "test_began_at": self._at,
                "newest_before": listening.newest_of(self._conn, found.id), "test_by": self._account.name_zh,
                "trouble": "", "trouble_at": None, "trouble_by": "",
            }  # fmt: skip
            try:
                with self._conn.transaction():
                    store.set_device(self._conn, number, values)
            except UniqueViolation:
                raise ProvisioningError(
                    en="this device stands for another line of a plan", zh="该设备已用于另一项方案", field="device"
                ) from None
            detail = {"room": planned.room, "model": planned.model, "device": number, "name": found.name}
            self._move(bed, bed.state, "begin_test", {}, "", detail)

    def accept(self, bed_id: int, version: int, number: int, reason: str = "") -> Heard | None:
        """Accept a device by what was heard of it since its test began; gives the proof.

        With a ``reason`` a person accepts it without one, and answers for that. Raises ProvisioningError where nothing
        was heard and no reason is given, NotPermittedError for one by somebody in the flat alone (a carer).
        """
        require(self._account, Action.MANAGE_BEDS if reason.strip() else Action.ACCEPT_DEVICES)
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, TESTED_IN)
            planned = self._planned(bed_id, number)
            self._not_accepted(planned)
            test = self._judge(planned, self._heard([planned]).get(planned.device_id or 0, []))
            proof = test.proof if test.verdict == "heard" else None
            values: dict[str, Any] = {"accepted_at": self._at, "accepted_by": self._account.name_zh}
            detail: dict[str, Any] = {"room": planned.room, "model": planned.model, "device": number}
            if proof is not None:
                values |= {
                    "accepted_how": "heard", "heard_at": proof.at, "heard_what": proof.what, "heard_value": proof.value,
                }  # fmt: skip
                detail |= {"heard_at": proof.at.isoformat(), "what": proof.what, "value": proof.value}
                reason = ""
            elif reason.strip():
                values |= {"accepted_how": "person", "accepted_reason": reason.strip()[:MOST_NOTE]}
                detail["verdict"] = test.verdict
            else:
                raise _nothing(test)
            store.set_device(self._conn, number, values)
            self._move(bed, bed.state, "accept_device", {}, reason, detail)
        return proof

    def report(self, bed_id: int, version: int, number: int, words: str) -> None:
        """Say what is wrong with a device that is not accepted: the office sees it at once."""
        require(self._account, Action.ACCEPT_DEVICES)
        if not words.strip():
            raise ProvisioningError(en="say what is wrong", zh="请填写问题", field="words")
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, TESTED_IN)
            planned = self._planned(bed_id, number)
            self._not_accepted(planned)
            store.set_device(self._conn, number, {
                "trouble": words.strip()[:MOST_NOTE], "trouble_at": self._at, "trouble_by": self._account.name_zh,
            })  # fmt: skip
            detail = {"room": planned.room, "model": planned.model, "device": number}
            self._move(bed, bed.state, "device_trouble", {}, words, detail)

    def to_install(self) -> list[Visit]:
        """The homes of the account's area with devices that are not accepted yet, those due first."""
        require(self._account, Action.ACCEPT_DEVICES)
        with self._conn.cursor(row_factory=class_row(Visit)) as cursor:
            return cursor.execute(_TO_INSTALL, {"under": self._account.area_path, "most": MOST_VISITS}).fetchall()

    def _heard(self, devices: list[PlannedDevice]) -> dict[int, list[Heard]]:
        begun = [one for one in devices if one.device_id is not None and one.test_began_at is not None]
        found: dict[int, list[Heard]] = {}
        for one in begun:  # each from its own beginning: a handful
            assert one.device_id is not None and one.test_began_at is not None  # noqa: S101, PT018 - chosen above
            found |= listening.heard_since(self._conn, [one.device_id], since_of(one))
        return found

    def _judge(self, planned: PlannedDevice, heard: list[Heard]) -> Test:
        return judge(planned.model, planned.test_began_at, planned.newest_before, heard, self._at)

    def _planned(self, bed_id: int, number: int) -> PlannedDevice:
        found = next((one for one in store.planned(self._conn, bed_id) if one.id == number), None)
        if found is None:
            raise NotFoundError(en="this device is not in the plan", zh="方案中没有这台设备")
        return found

    def _not_accepted(self, planned: PlannedDevice) -> None:
        if planned.accepted_at is not None:
            raise ProvisioningError(en="this device is accepted already", zh="该设备已通过验收")

    def _choose(self, bed: Bed, planned: PlannedDevice, name: str) -> HomeDevice:
        taken = {one.device_id for one in store.planned(self._conn, bed.id) if one.id != planned.id}
        fitting = [
            one for one in listening.devices_of_home(self._conn, bed.household_id)
            if one.model == planned.model and one.id not in taken
        ]  # fmt: skip
        if not fitting:
            raise ProvisioningError(
                en="no device of this model is registered in the home; register it under gateways and devices first",
                zh="住户家中没有登记这一型号的设备，请先在“网关与设备”中登记",
                field="device",
            )
        if name:
            fitting = [one for one in fitting if one.name == name]
        in_room = [one for one in fitting if one.room == planned.room]
        chosen = fitting if len(fitting) == 1 else in_room
        if len(chosen) != 1:
            raise ProvisioningError(
                en="several devices of this model are in the home; choose one", zh="家中有多台该型号设备，请选择一台",
                field="device",
            )  # fmt: skip
        return chosen[0]


def since_of(planned: PlannedDevice) -> dt.datetime:
    """The moment from which on something heard of a device counts; its test has begun."""
    assert planned.test_began_at is not None  # noqa: S101 - asked before
    return max(planned.test_began_at, planned.newest_before or planned.test_began_at)


def _newest(heard: list[Heard], since: dt.datetime, until: dt.datetime) -> tuple[Heard, ...]:
    found = sorted((one for one in heard if since < one.at <= until), key=lambda one: one.at, reverse=True)
    return tuple(found[:SHOWN])


def _accepted(planned: PlannedDevice) -> Test:
    if planned.heard_at is None:
        return Test("nothing")
    return Test("heard", Heard(planned.heard_at, planned.heard_what, planned.heard_value))


def _nothing(test: Test) -> ProvisioningError:
    match test.verdict:
        case "not_begun":
            return ProvisioningError(en="begin the test first", zh="请先开始验收测试", field="reason")
        case "itself":
            return ProvisioningError(
                en="it told of its battery or signal alone and has measured nothing yet; let it measure, or say why it"
                " is accepted all the same",
                zh="设备只上报了电量或信号，还没有测量数据：请触发一次测量，或填写仍予通过的原因",
                field="reason",
            )
    return ProvisioningError(
        en="nothing was heard since the test began; press or move it and look again, or say why it is accepted all the"
        " same",
        zh="测试开始后没有收到任何数据：请触发设备后再看，或填写仍予通过的原因",
        field="reason",
    )
