"""The pages of administration as a table: group, address, name, what for, and the permissions that open them."""

from care_network.access.permissions import Action
from console.pages.sections import Group, Section

GROUPS: tuple[Group, ...] = (
    Group("档案", "Records", (
        Section(
            "/residents", "老人", "Residents", "看档案、体征与预警", "Their file, vital signs and alerts",
            (Action.VIEW_RESIDENT,),
        ),
        Section(
            "/records/resident", "老人档案", "Residents' records", "姓名、等级、语言与变更记录",
            "Names, grades, languages, changes", (Action.VIEW_NETWORK,),
        ),
        Section(
            "/records/household", "住户", "Homes", "住址、楼层、进门方式", "Addresses, floors, ways in",
            (Action.VIEW_NETWORK,),
        ),
        Section(
            "/records/contact", "联系人与同意", "Contacts and consent", "联系谁、老人是否同意",
            "Whom to call, and whether the resident agreed", (Action.VIEW_NETWORK,),
        ),
        Section(
            "/records/staff", "工作人员", "Staff", "岗位、技能、语言、证书", "Roles, skills, languages, certificates",
            (Action.VIEW_NETWORK,),
        ),
        Section(
            "/records/certificate", "证书", "Certificates", "将到期与已过期的证书",
            "Those that end, and those that ended", (Action.VIEW_NETWORK,),
        ),
        Section(
            "/records/organisation", "机构", "Organisations", "各级中心、社区站与服务点",
            "Centers, stations and points", (Action.VIEW_NETWORK,),
        ),
        Section(
            "/records/area", "区域", "Areas", "区、街道、社区、小区", "District, street, community, compound",
            (Action.VIEW_NETWORK,),
        ),
        Section(
            "/imports", "导入", "Import", "用表格批量建档与修改", "Add and change records by a table",
            (Action.PROVISION, Action.MANAGE_STAFF, Action.EDIT_CONTACTS),
        ),
    )),
    Group("账号与审计", "Accounts and audit", (
        Section(
            "/accounts", "账号", "Accounts", "谁能登录、角色、区域、第二验证方式", "Who gets in, and as what",
            (Action.MANAGE_ACCOUNTS,),
        ),
        Section(
            "/audit", "审计记录", "Audit", "谁看过、改过谁的数据", "Who has looked at whose data, and changed it",
            (Action.VIEW_AUDIT,),
        ),
    )),
    Group("规则", "Rules", (
        Section(
            "/rosters", "排班", "Rosters", "周排班、空班、换班与复制", "Weeks, holes, swaps and copies",
            (Action.VIEW_NETWORK,),
        ),
        Section(
            "/policies", "呼叫策略", "Escalation policies", "谁在何时被呼叫，并按上月预警试算",
            "Who is called when; tried on last month's alerts", (Action.SET_POLICIES,),
        ),
        Section(
            "/parameters", "预警阈值", "Thresholds", "各检测器的限值及其适用范围", "Limits of detection, and for whom",
            (Action.VIEW_LIMITS,),
        ),
    )),
    Group("运行", "Running it", (
        Section(
            "/operations", "运行状态", "Operations", "服务、接入、隔离区", "Services, intake, quarantine",
            (Action.VIEW_OPERATIONS,),
        ),
        Section(
            "/devices", "网关与设备", "Gateways and devices", "电量、信号、配对、更换、停用、自检",
            "Battery, signal, pairing, replacing, self test", (Action.VIEW_OPERATIONS,),
        ),
        Section(
            "/quarantine", "隔离区", "Quarantine", "无法入库的消息：查看、重新处理、丢弃",
            "Refused messages: look, again, discard", (Action.VIEW_OPERATIONS,),
        ),
        Section(
            "/gaps", "数据缺口", "Gaps", "缺了什么、能否补回", "What is missing, and whether it can still come",
            (Action.VIEW_OPERATIONS,),
        ),
        Section(
            "/channels", "通知渠道", "Notification channels", "送达与失败、上限、测试消息",
            "Deliveries, failures, ceilings, test message", (Action.SET_CHANNELS,),
        ),
        Section(
            "/storage", "存储与保留期", "Storage and retention", "大小、增长、磁盘何时写满、备份",
            "Sizes, growth, when the disk is full, backups", (Action.VIEW_OPERATIONS,),
        ),
        Section(
            "/machines", "外部系统", "Other systems", "令牌、推送、老人的授权", "Tokens, webhooks, residents' consents",
            (Action.MANAGE_MACHINES,),
        ),
        Section(
            "/gateways", "失联的网关", "Silent gateways", "哪些家庭现在看不到", "Which homes cannot be seen now",
            (Action.VIEW_OPERATIONS,),
        ),
    )),
)  # fmt: skip
