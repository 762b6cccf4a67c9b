"""The pages of the time bank in the list of care and services."""

from care_network.access.permissions import Action
from console.pages.sections import Section

SECTIONS: tuple[Section, ...] = (
    Section("/care/time-bank", "时间银行", "Time bank", "志愿者、互助服务、陪伴巡访和时间账本",
            "Volunteers, help, rounds for company and the ledger of hours", (Action.VIEW_CARE,)),
    Section("/time-bank", "邻里互助", "Help by neighbours", "为老人预约志愿者，确认服务时长",
            "Ask for a volunteer, confirm how long they helped", (Action.CONFIRM_HELP,)),
)  # fmt: skip
