"""Turn simulated months into a recording for the detection core: the residents of a cohort in one district."""

from collections.abc import Sequence

import numpy as np

from alerting.detection.kit.context import District, Happened, Person, Source
from alerting.replay.recording import Contact, Recorder, Recording
from device_simulators.month.devices import owner
from device_simulators.month.month import ResidentMonth
from device_simulators.month.sensing import Trace
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig
from vocabulary.labels import room_of

UNKNOWN_TRUST = 2
UNHEARD_S = 1e9
"""Heartbeat of a device without a model, e.g. of what a carer enters: it is never called silent."""


def district_of(months: Sequence[ResidentMonth]) -> District:
    """Build a district with one home for each month, in this order: the resident who lives alone; or resident, spouse,
    and both as a household."""
    people: list[Person] = []
    sources, gateways = {}, {}
    for number, month in enumerate(months):
        household, resident = number + 1, month.resident
        gateways[month.gateway] = household
        rows = {resident.code: len(people)}
        people.append(
            Person(id=len(people) + 1, code=resident.code, household_id=household, spo2_scale=resident.spo2_scale)
        )
        if resident.spouse:
            rows[resident.spouse] = len(people)
            people.append(Person(id=len(people) + 1, code=resident.spouse, household_id=household))
            people.append(Person(id=None, code=f"home-{resident.code}", household_id=household))
        for device in month.devices:
            sources[month.gateway, device.name] = _source(
                month, device, household, rows.get(owner(resident, device.name)), len(people) - 1
            )
    return District(people, sources, gateways)


def _source(month: ResidentMonth, device: DeviceConfig, household: int, person: int | None, home: int) -> Source:
    model, room = MODELS.get(device.model), room_of(device.room)
    gives = {trace.channel for trace in month.traces if trace.device == device.name}
    return Source(
        gateway=month.gateway,
        name=device.name,
        model=device.model,
        household_id=household,
        person=person,
        heartbeat_s=model.heartbeat_s if model else UNHEARD_S,
        label_zh=f"{room[0]}{model.zh if model else device.name}",
        label_en=", ".join(word for word in (model.label_en if model else device.name, room[1]) if word),
        room=device.room,
        home=home,
        gives=model.channels if model else frozenset(gives),
        trust=model.trust if model else UNKNOWN_TRUST,
        continuous=model is not None and model.continuous,
    )


def recording_of(months: Sequence[ResidentMonth]) -> Recording:
    """Merge the messages of these residents in the order of arrival."""
    district = district_of(months)
    recorder = Recorder(district)
    contacts = []
    for month in months:
        traces: dict[tuple[str, str], list[Trace]] = {}  # an episode may have its own of the same device
        for trace in month.traces:
            traces.setdefault((trace.device, trace.channel), []).append(trace)
        for (device, channel), parts in traces.items():
            times, values, arrivals = (
                np.concatenate([getattr(part, name) for part in parts]) for name in ("time_us", "value", "arrival_us")
            )
            recorder.readings(district.sources[month.gateway, device], channel, times, values, arrivals)
        for moment in month.moments:
            source = district.sources[month.gateway, moment.device]
            recorder.event(Happened(source, moment.kind, moment.time_us, dict(moment.values)), moment.arrival_us)
        contacts += [Contact(month.gateway, c.device or None, c.begin_us, c.end_us) for c in month.contacts]
    return recorder.recording(
        int(np.min([month.begin_us for month in months])), int(np.max([month.end_us for month in months])), contacts
    )
