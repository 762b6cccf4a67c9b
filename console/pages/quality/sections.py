"""The pages of complaints and quality control in the list of care services."""

from care_network.access.permissions import Action
from console.pages.sections import Section

SECTIONS = (
    Section("/care/complaints", "投诉", "Complaints", "待答复、逾期、回访；不满意转上一级",
            "To be answered, overdue, to be asked; what does not satisfy goes up", (Action.VIEW_CARE,)),
    Section("/care/quality", "质量管控", "Quality control", "三级管控、四重检查：问题、整改、复查",
            "Three levels, four kinds of check: findings, mending, second looks", (Action.VIEW_CARE,)),
)  # fmt: skip
