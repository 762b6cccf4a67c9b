"""Other parameters for a run: ``name=value``, checked against the detectors' own declarations."""

import difflib
from collections.abc import Iterable, Mapping

import msgspec

from alerting.detection.detectors import all_parameters
from alerting.replay.recording import Recording


def parse(settings: Iterable[str]) -> dict[str, float]:
    """Parameters of 'name=value' texts. Raises ValueError that says what is possible."""
    found: dict[str, float] = {}
    for text in settings:
        name, _, number = text.partition("=")
        name = name.strip()
        parameter = all_parameters().get(name)
        if parameter is None:
            near = difflib.get_close_matches(name, all_parameters(), n=3, cutoff=0.4)
            hint = (
                f"; did you mean {', '.join(near)}?" if near else f"; there are: {', '.join(sorted(all_parameters()))}"
            )
            raise ValueError(f"no parameter {name!r}{hint}")
        try:
            value = float(number)
        except ValueError:
            raise ValueError(f"{text!r}: write {name}=NUMBER, e.g. {name}={parameter.default:g}") from None
        if not parameter.low <= value <= parameter.high:
            limits = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}".strip()
            raise ValueError(f"{name}={value:g} is outside its limits, {limits}")
        found[name] = value
    return found


def tuned(recording: Recording, parameters: Mapping[str, float]) -> Recording:
    """The recording with these parameters for everybody, in place of each person's own."""
    people = [
        msgspec.structs.replace(person, tuning={**person.tuning, **parameters}) for person in recording.district.people
    ]
    return msgspec.structs.replace(recording, district=msgspec.structs.replace(recording.district, people=people))
