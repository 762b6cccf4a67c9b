"""Turn simulated months into a recording for the detection core: the residents of a cohort in one district."""

from collections.abc import Sequence

import numpy as np

from alerting.detection.kit.context import District, Happened, Person, Source
from alerting.replay.recording import Contact, Recorder, Recording
from device_simulators.month.month import ResidentMonth
from firmware_profiles.devices import MODELS
from vocabulary.labels import room_of


def district_of(months: Sequence[ResidentMonth]) -> District:
    """Build a district with one home for each resident, who lives alone; rows in this order."""
    people, sources, gateways = [], {}, {}
    for row, month in enumerate(months):
        household = month.resident.number + 1
        people.append(Person(id=household, code=month.resident.code, household_id=household))
        gateways[month.gateway] = household
        for device in month.devices:
            model, room = MODELS[device.model], room_of(device.room)
            sources[month.gateway, device.name] = Source(
                gateway=month.gateway,
                name=device.name,
                model=device.model,
                household_id=household,
                person=row,
                heartbeat_s=model.heartbeat_s,
                label_zh=f"{room[0]}{model.zh}",
                label_en=f"{model.name}, {room[1]}",
                room=device.room,
                home=row,
                gives=model.channels,
            )
    return District(people, sources, gateways)


def recording_of(months: Sequence[ResidentMonth]) -> Recording:
    """Merge the messages of these residents in the order of arrival."""
    district = district_of(months)
    recorder = Recorder(district)
    contacts = []
    for month in months:
        for trace in month.traces:
            source = district.sources[month.gateway, trace.device]
            recorder.readings(source, trace.channel, trace.time_us, trace.value, trace.arrival_us)
        for moment in month.moments:
            source = district.sources[month.gateway, moment.device]
            recorder.event(Happened(source, moment.kind, moment.time_us, dict(moment.values)), moment.arrival_us)
        contacts += [Contact(month.gateway, c.device or None, c.begin_us, c.end_us) for c in month.contacts]
    return recorder.recording(
        int(np.min([month.begin_us for month in months])), int(np.max([month.end_us for month in months])), contacts
    )
