"""The pages of care and services as a table: group, address, name, what for, and the permissions that open them."""

from console.pages.sections import Group

GROUPS: tuple[Group, ...] = (
    Group("评估与床位", "Assessment and beds", ()),
    Group("服务", "Services", ()),
    Group("互助", "Helping each other", ()),
    Group("人员与知识", "People and knowledge", ()),
    Group("数据与权利", "Data and rights", ()),
)  # fmt: skip
