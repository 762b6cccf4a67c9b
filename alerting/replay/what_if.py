"""Changes parameters for a run: ``name=value``, checked like those that people set."""

from collections.abc import Iterable, Mapping

import msgspec

from alerting.replay.recording import Recording
from alerting.tuning import catalogue


def parse(settings: Iterable[str]) -> dict[str, float]:
    """Parse 'name=value' texts. Raises ValueError that names the possibilities."""
    found: dict[str, float] = {}
    for text in settings:
        name, _, number = text.partition("=")
        name = name.strip()
        parameter = catalogue.named(name)
        try:
            value = float(number)
        except ValueError:
            raise ValueError(f"{text!r}: write {name}=NUMBER, e.g. {name}={parameter.default:g}") from None
        if parameter.district_only:
            raise ValueError(f"{name} changes nothing in a replay: it is no parameter of a detector")
        catalogue.check(name, value, found)
        found[name] = value
    return found


def tuned(recording: Recording, values: Mapping[str, float]) -> Recording:
    """The recording with these parameters for everybody, in place of each person's own."""
    people = [catalogue.tuned(person, values) for person in recording.district.people]
    return msgspec.structs.replace(recording, district=msgspec.structs.replace(recording.district, people=people))
