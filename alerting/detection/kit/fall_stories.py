"""Finds the fall that an event belongs to: suspected, confirmed and recovered are one story.

Our pendants date all three with the impact; most others date each by itself. Then the story is the latest one of the
same device that has not ended. Two devices of one person that report at the same time have seen the same fall. A fall
is over when every device that reported it has said so.
"""

import msgspec

from alerting.detection.kit.cancelling import takes_back
from alerting.detection.kit.context import District, Happened, subject_of
from vocabulary.times import HOUR_US, MINUTE_US

FALLS = ("fall_suspected", "fall_confirmed", "fall_recovered")
AGAIN_US = 2 * MINUTE_US
"""A report this soon after another is of the same fall; a later suspicion is a new one."""
CONFIRM_US = 10 * MINUTE_US
"""Longest time from a suspicion to its confirmation, where each has a time of its own."""
OPEN_US = 6 * HOUR_US
"""Longest time from the last word of a fall to its end."""


class FallStory(msgspec.Struct, kw_only=True):
    """A fall. ``onset_us``: the impact by the device's own clock, which with the subject is the alert's identity."""

    source: tuple[str, str]
    """(gateway, device) that reported it first."""
    onset_us: int
    began_us: int
    last_us: int
    """Last report, by the platform's clock where the device's cannot be right."""
    confirmed: bool = False
    onsets: list[int] = []
    """Every time under which it was reported."""
    lying: list[str] = []
    """Devices that have not said that it is over."""

    @property
    def key(self) -> str:
        return f"{self.source[0]}|{self.source[1]}|{self.onset_us}"

    @property
    def over(self) -> bool:
        return not self.lying


class FallStories(msgspec.Struct):
    """Falls of the last hours, by subject."""

    by_subject: dict[str, list[FallStory]] = {}

    def take(self, district: District, happened: Happened) -> list[FallStory]:
        """The falls that an event of ``FALLS`` is about, changed by it: one, a new one where none is known; of a
        recovery with a time of its own all that are open, and none where none is."""
        subject, resident_id = subject_of(district, happened.source)
        known = [s for s in self.by_subject.get(subject, ()) if happened.time_us - s.last_us <= OPEN_US]
        self.by_subject[subject] = known
        device = happened.source.key
        if happened.kind == "fall_recovered":
            ended = [s for s in known if happened.onset_us in s.onsets and s.source == happened.source.id]
            ended = ended or [s for s in known if device in s.lying]
            for story in ended:
                story.lying = [name for name in story.lying if name != device]
            return ended
        alone = resident_id is None  # whose fall a device of several saw is not known: each has its own
        found = self._known([s for s in known if not alone or device in s.lying], happened)
        story = found or FallStory(
            source=happened.source.id,
            onset_us=happened.onset_us,
            began_us=happened.time_us,
            last_us=happened.time_us,
        )
        if found is None:
            known.append(story)
        story.last_us = max(story.last_us, happened.time_us)
        story.confirmed |= happened.kind == "fall_confirmed"
        if happened.onset_us not in story.onsets:
            story.onsets = [*story.onsets, happened.onset_us]
        if device not in story.lying:
            story.lying = [*story.lying, device]
        return [story]

    def cancel(self, district: District, press: Happened) -> list[FallStory]:
        """The falls that a long press takes back; they are forgotten."""
        taken: list[FallStory] = []
        for subject, stories in self.by_subject.items():
            back = [s for s in stories if not s.over and self._is_back(district, press, s)]
            self.by_subject[subject] = [s for s in stories if s not in back]
            taken += back
        return taken

    @staticmethod
    def _is_back(district: District, press: Happened, story: FallStory) -> bool:
        source = district.sources.get(story.source)
        # where each report has a time of its own, the press answers the last one, as its sounder does
        return source is not None and any(takes_back(press, source, onset_us) for onset_us in story.onsets)

    @staticmethod
    def _known(known: list[FallStory], happened: Happened) -> FallStory | None:
        """The story that a suspicion or confirmation belongs to, the latest first."""
        device, confirmed = happened.source.key, happened.kind == "fall_confirmed"
        for story in reversed(known):
            if happened.onset_us in story.onsets and story.source == happened.source.id:
                return story
        for story in reversed(known):
            wait_us = CONFIRM_US if confirmed and not story.confirmed and device in story.lying else AGAIN_US
            if not story.over and abs(happened.time_us - story.last_us) <= wait_us:
                return story
        return None
