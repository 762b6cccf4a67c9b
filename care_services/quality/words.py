"""The words of quality control: kinds of check, verdicts, states, severities."""

from collections.abc import Mapping

Words = Mapping[str, tuple[str, str]]
"""Chinese and English by code."""

KINDS: Words = {
    "own": ("机构自查", "the provider's own check"),
    "station": ("社区站巡查", "the station's visit"),
    "street": ("街道检查", "the street's inspection"),
    "district": ("区级抽查", "the district's random audit"),
}
"""四重质量管控."""
VERDICTS: Words = {"pass": ("合格", "pass"), "fail": ("不合格", "fail"), "not_seen": ("未查看", "not seen")}
SEVERITIES: Words = {"minor": ("一般", "minor"), "major": ("较重", "major"), "grave": ("严重", "grave")}
CHECK_STATES: Words = {
    "planned": ("待检查", "planned"), "done": ("已检查", "done"), "cancelled": ("已取消", "cancelled")
}  # fmt: skip
FINDING_STATES: Words = {
    "open": ("待整改", "to be mended"),
    "mended": ("待复查", "mended, to be looked at again"),
    "closed": ("已销号", "closed"),
}
EVENTS: Words = {
    "found": ("发现问题", "found"),
    "mended": ("报告已整改", "reported as mended"),
    "not_mended": ("复查不合格，退回整改", "looked at again: not mended"),
    "closed": ("复查合格，销号", "looked at again: mended, closed"),
}
