"""Builds the detectors' district and the notices of alerts from the registry of the care network."""

import contextlib
import datetime as dt
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import structlog

from alerting.core.finding import Finding
from alerting.detection.kit.context import District, Pause, Person, Source
from alerting.tuning.catalogue import layers_of, tuned
from care_network.records.registry import (
    EMPTY,
    Gone,
    Registry,
    Resident,
    decode_registry,
    encode_registry,
    load_registry,
    registry_stamp,
)
from database.local_copy import replace_copy
from dispatch.core.headline import headline, place
from dispatch.core.notice import AlertNotice
from firmware_profiles.devices import MODELS
from vocabulary.alert_state import AlertState
from vocabulary.labels import room_of
from vocabulary.times import SHANGHAI

log = structlog.get_logger(__name__)

NEVER_US = 1 << 62
_GONE: Mapping[str, tuple[str, str]] = {
    "died": ("已于 {on} 去世", "died on {on}"), "moved": ("已于 {on} 迁出", "moved away on {on}"),
    "other": ("已于 {on} 离开", "left on {on}"),
}  # fmt: skip
WHOLE_S = 300.0
"""Interval in which the registry is read even with an unchanged stamp: somebody may have written past the stamp."""


def build_district(registry: Registry, before: District | None = None) -> District:
    """Build the detectors' district. People of ``before`` keep their rows; residents who are gone get no household.

    Devices that are as they were are the same objects as in ``before``; so is the district, if all is as it was.
    """
    people = [
        person
        if person.id is None or person.id in registry.residents
        else msgspec.structs.replace(person, household_id=0)
        for person in ([] if before is None else before.people)
    ]
    rows = {_key(person): row for row, person in enumerate(people)}
    residents = sorted(registry.residents.values(), key=lambda resident: resident.id)
    layers = layers_of(registry.tuning)
    households = Counter(resident.household_id for resident in residents)
    watched = [
        tuned(
            Person(
                id=resident.id,
                code=resident.code,
                household_id=resident.household_id,
                spo2_scale=resident.spo2_scale,
                on_oxygen=resident.on_oxygen,
            ),
            layers.values(resident.ability_grade, resident.household_id, resident.id),
        )
        for resident in residents
    ]
    together: dict[int, list[int]] = {}
    for resident in residents:
        together.setdefault(resident.household_id, []).append(resident.id)
    shared = [  # several people, several grades: the parameters of the home count, and each one's conditions
        tuned(
            Person(id=None, code=registry.households[h].code, household_id=h),
            layers.values(None, h, None, together.get(h, ())),
        )
        for h, several in sorted(households.items())
        if several > 1
    ]
    for person in (*watched, *shared):
        row = rows.setdefault(_key(person), len(people))
        if row == len(people):
            people.append(person)
        else:
            people[row] = person
    alone = {resident.household_id: rows[resident.id] for resident in residents}
    homes = {h: rows[-h] if several > 1 else alone[h] for h, several in households.items()}
    gives = {name: model.channels for name, model in MODELS.items()}
    sources: dict[tuple[str, str], Source] = {}
    known = {} if before is None else before.sources
    for device in registry.devices.values():
        model = MODELS.get(device.model)
        gateway = registry.gateways.get(device.gateway)
        if model is None or gateway is None:
            continue
        resident_ = registry.resident_of(device.gateway, device.name)
        room = room_of(device.room)
        source = Source(
            gateway=device.gateway,
            name=device.name,
            model=device.model,
            household_id=gateway.household_id,
            person=None if resident_ is None else rows[resident_.id],
            heartbeat_s=model.heartbeat_s,
            label_zh=f"{room[0]}{model.zh}",
            label_en=f"{model.label_en}{', ' if room[1] else ''}{room[1]}",
            room=device.room,
            home=homes.get(gateway.household_id),
            gives=gives[device.model],
            trust=model.trust,
            continuous=model.continuous,
        )
        old = known.get(source.id)
        sources[source.id] = old if old is not None and old == source else source
    gateways = {name: gateway.household_id for name, gateway in registry.gateways.items()}
    same = before is not None and (people, gateways, list(known)) == (before.people, before.gateways, list(sources))
    if before is not None and same and all(known[key] is source for key, source in sources.items()):
        return before
    return District(people, sources, gateways)


def _key(person: Person) -> int:
    """The id of a resident, the negative id of a household of several."""
    return -person.household_id if person.id is None else person.id


def build_notice(
    registry: Registry, finding: Finding, received_us: int, raised_us: int, state: AlertState, version: int
) -> AlertNotice:
    """Build the notice of a finding. A field that the registry does not know stays empty rather than stop an alert."""
    household = registry.households.get(finding.household_id)
    area = None if household is None else registry.areas.get(household.area_path)
    resident = _resident_of(registry, finding)
    headline_zh, headline_en = headline(finding.rule, finding.severity, finding.evidence)
    place_zh, place_en = place(
        ("", "") if area is None else (area.name_zh, area.name_en),
        ("", "") if household is None else (household.address_zh, household.address_en),
    )
    return AlertNotice(
        id=str(finding.alert_id),
        rule=finding.rule,
        rule_version=finding.rule_version,
        severity=finding.severity,
        state=state,
        version=version,
        subject=finding.subject,
        household_id=finding.household_id,
        household_code="" if household is None else household.code,
        address_zh="" if household is None else household.address_zh,
        address_en="" if household is None else household.address_en,
        phone="" if household is None else household.phone,
        area_path="" if household is None else household.area_path,
        area_zh="" if area is None else area.name_zh,
        area_en="" if area is None else area.name_en,
        resident_id=finding.resident_id if resident is None else resident.id,
        resident_code=None if resident is None else resident.code,
        resident_zh=None if resident is None else resident.name_zh,
        resident_en=None if resident is None else resident.name_en,
        onset_us=finding.since_us,
        sensed_us=finding.sensed_us,
        received_us=received_us,
        raised_us=raised_us,
        reason_zh=finding.reason_zh,
        reason_en=finding.reason_en,
        evidence=finding.evidence,
        headline_zh=headline_zh,
        headline_en=headline_en,
        place_zh=place_zh,
        place_en=place_en,
        resident_sex=None if resident is None else resident.sex,
        resident_age=None if resident is None else _age(resident.birth_date, raised_us),
    )


def empty_homes(registry: Registry) -> dict[int, list[Gone]]:
    """Households of which everybody who was registered is gone."""
    lived_in = {resident.household_id for resident in registry.residents.values()}
    return {home: gone for home, gone in registry.gone.items() if home not in lived_in}


def resting(registry: Registry) -> list[Pause]:
    """The pauses of troubles of devices in homes where nobody lives any more, without an end.

    The devices are to be brought back; a trouble that lasts is raised when a wrong report is taken back.
    """
    return [Pause("maintenance", home, "", 0, NEVER_US) for home in empty_homes(registry)]


def told(registry: Registry, finding: Finding) -> Finding:
    """The finding; one from a home in which nobody is said to live asks who lives there now."""
    gone = registry.gone.get(finding.household_id)
    if not gone or finding.action not in ("open", "update") or finding.household_id not in empty_homes(registry):
        return finding
    zh, en = _GONE[gone[0].reason]
    names = f"{gone[0].name_zh}{zh.format(on=gone[0].on)}", f"{gone[0].name_en} {en.format(on=gone[0].on)}"
    return msgspec.structs.replace(
        finding,
        reason_zh=f"{finding.reason_zh}。登记住在此处的{names[0]}：请核实现在谁住在这里",
        reason_en=f"{finding.reason_en}. {names[1]}, and was registered here: who lives there now?",
    )


def _resident_of(registry: Registry, finding: Finding) -> Resident | None:
    """The resident whom a finding is about; of a technical one the only one of the home."""
    if finding.resident_id is not None:
        return registry.residents.get(finding.resident_id)
    if finding.severity != "technical":
        return None
    home = [one for one in registry.residents.values() if one.household_id == finding.household_id]
    return home[0] if len(home) == 1 else None


def _age(born: dt.date, at_us: int) -> int:
    day = dt.datetime.fromtimestamp(at_us / 1e6, SHANGHAI).date()
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


class RegistryCache:
    """Holds the registry, with a copy on disk for a start while the database is away."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.registry = EMPTY
        self.known = False
        """Whether it was read from the database or the copy; before that every home is unknown."""
        self._stamp, self._whole_at = "", 0.0
        if file.exists():
            with contextlib.suppress(ValueError):  # written by another version: the database has the present one
                self.registry, self.known = decode_registry(file.read_bytes()), True

    def refresh(self, conn: psycopg.Connection[Any]) -> bool:
        """Read the registry; whether it changed. Raises psycopg.Error while the database is away."""
        stamp = registry_stamp(conn)
        if stamp == self._stamp and time.monotonic() < self._whole_at:
            return False
        registry = load_registry(conn)
        self._stamp, self._whole_at, self.known = stamp, time.monotonic() + WHOLE_S, True
        if registry == self.registry:
            return False
        self.registry = registry
        replace_copy(self._file, encode_registry(registry))
        return True
