"""The pages of meals in the list of care services."""

from care_network.access.permissions import Action
from console.pages.sections import Section

SECTIONS = (
    Section("/care/meals", "长者助餐", "Meals", "今天的用餐、无人应门、菜单、订餐与结算",
            "Today's meals, doors that nobody opened, menus, orders, settlement", (Action.VIEW_CARE,)),
    Section("/care/meals/rounds", "送餐路线", "Delivery rounds", "谁送、送到哪、还剩几份",
            "Who goes, how far they are, what is left", (Action.VIEW_CARE,)),
)  # fmt: skip
