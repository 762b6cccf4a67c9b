"""Permissions of each role, the residents an account may see, and the audit of both.

``PERMISSIONS`` is the only table of permissions: routes and commands ask it by ``require`` or ``may_do``. Elsewhere the
role decides only the start page and its menu, the scope of the alerts shown, whether an account has an area, and the
length of a session.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.auditing.lines import audit as audit
from care_network.access.auditing.lines import audit_each as audit_each
from care_network.access.auditing.lines import audit_home as audit_home
from care_network.errors import NotPermittedError
from vocabulary.area_path import within


class Role(StrEnum):
    """The part of a person or a machine. All but PANEL have accounts; those of MACHINE have no password."""

    ADMIN = "admin"
    DISPATCHER = "dispatcher"
    LEAD = "lead"
    """Of the dispatch desk: a dispatcher who also answers for the desk's rules, channels and figures."""
    MANAGER = "manager"
    """Of a center: its homes, people and figures."""
    STATION = "station"
    """A street elder center or a community station: it cares for the homes of its area from its own desk."""
    CARER = "carer"
    FAMILY = "family"
    PANEL = "panel"
    """The elder's own device at home: no account, a link that is bound to one resident."""
    AUDITOR = "auditor"
    """Reads what others did; nobody's vital signs, no alert."""
    PROVIDER = "provider"
    """Somebody of a service provider or canteen: its own orders, meals and record, and no resident but by an order."""
    MACHINE = "machine"
    """Another system, by a token: what it may is bounded by the token's scopes, too."""


class Action(StrEnum):
    """Everything that needs permission. The first ten are steps of an alert's life."""

    ACKNOWLEDGE = "acknowledge"
    RESPOND = "respond"
    ARRIVE = "arrive"
    RESOLVE = "resolve"
    CANCEL = "cancel"
    NOTE = "note"
    """Words in an alert's history; a step of its procedure card, too."""
    OWN = "own"
    """Take an alert over from a colleague."""
    MERGE = "merge"
    """Make one incident of alerts of a home, or part them again."""
    SNOOZE = "snooze"
    """Let a technical alert rest until a time."""
    REOPEN = "reopen"
    """Open a closed alert again."""
    VIEW_ALERTS = "view_alerts"
    VIEW_RESIDENT = "view_resident"
    VIEW_VITALS = "view_vitals"
    VIEW_LIMITS = "view_limits"
    """Parameters of the detectors, as they are set anywhere in the account's area."""
    SET_LIMITS = "set_limits"
    """Parameters for a resident."""
    SET_HOME_LIMITS = "set_home_limits"
    """The same for a home."""
    SET_DISTRICT_LIMITS = "set_district_limits"
    """The same for an ability grade or the whole district."""
    PAUSE_ALERTS = "pause_alerts"
    """Tell the platform that a carer is in a home, or that a device is worked on."""
    VIEW_OPERATIONS = "view_operations"
    """Gateways, quarantine, the state of the services."""
    VIEW_OUTBOX = "view_outbox"
    """Messages of the demonstration's outbox."""
    SETTLE_QUARANTINE = "settle_quarantine"
    """Process refused messages again, or discard them."""
    EXPORT_VITALS = "export_vitals"
    """Take a resident's readings out of the platform as a file."""
    PROVISION = "provision"
    """Areas, organisations, households, residents, gateways and devices."""
    VIEW_NETWORK = "view_network"
    """Records of the care network (those of residents need VIEW_RESIDENT, too) and rosters."""
    MANAGE_STAFF = "manage_staff"
    """Staff, certificates, shifts and rosters."""
    EDIT_CONTACTS = "edit_contacts"
    SHARE_LOCATION = "share_location"
    """One's own present place."""
    VIEW_MEDICAL_NOTE = "view_medical_note"
    """Only during an open alert of that resident."""
    EDIT_MEDICAL_NOTE = "edit_medical_note"
    VIEW_ORDERS = "view_orders"
    """Work orders: the people sent to homes."""
    DISPATCH = "dispatch"
    """Send people: make, hand out, take back and cancel work orders."""
    HAND_OVER = "hand_over"
    """Give the open alerts of one's area to the next shift, accept them, take the offer back."""
    SET_POLICIES = "set_policies"
    """Escalation policies: whom alerts call, in which order and how soon."""
    SET_PREFERENCES = "set_preferences"
    """Channels, language and quiet hours of somebody's messages."""
    RATE_VISIT = "rate_visit"
    MANAGE_ACCOUNTS = "manage_accounts"
    """Accounts below one's own area: add, switch off, reset passwords, end sessions, withdraw a family's consent."""
    LET_IN = "let_in"
    """Let a colleague in who has no second factor at hand, for one login."""
    FAMILY_CIRCLE = "family_circle"
    """The family's page: tell the desk what one does, see who else is in the circle, leave it."""
    VIEW_AUDIT = "view_audit"
    """The audit: looks, changes, logins."""
    VIEW_FIGURES = "view_figures"
    """Figures of the area by month: coverage, alerts, times, devices, staff."""
    OPERATE_DEVICES = "operate_devices"
    """Confirm a pairing, replace and retire a device, send a gateway its signed configuration, ask for a self test."""
    SET_CHANNELS = "set_channels"
    """The channels of messages: look at them, send a test message."""
    MANAGE_MACHINES = "manage_machines"
    """Tokens of other systems, and the webhooks that tell them of alerts."""
    EXCHANGE_READ = "exchange_read"
    """Read records, readings and alerts as another system does."""
    EXCHANGE_WRITE = "exchange_write"
    """Bring observations in as another system does."""
    VIEW_CARE = "view_care"
    """Assessments, beds, services, meals and the time bank of one's own area."""
    TAKE_COURSE = "take_course"
    """Read courses, be tested, have the certificate that they end with."""
    MANAGE_LIBRARY = "manage_library"
    """Documents with their versions and readers, courses, and whether their certificates hold."""
    ASSESS = "assess"
    """Assess residents' ability: begin, fill in, sign as the first or the second assessor."""
    APPROVE_PROPOSALS = "approve_proposals"
    """Decide on what a grade proposes: thresholds, escalation, service plan (the first two need their own, too)."""
    MANAGE_REGISTERS = "manage_registers"
    """Registers of other offices: import them, decide on what differs; residents' identity numbers."""
    REPORT_UP = "report_up"
    """Packages for the levels above and beside: make, send, look at what was sent."""
    VIEW_NOTICES = "view_notices"
    """Reminders of care to people of one's area: which were sent, and which could not be."""
    RECORD_TRAITS = "record_traits"
    """Traits of residents beyond their record, such as low income, with evidence."""
    SET_CARE_RULES = "set_care_rules"
    """Rules that are data: subsidies, grants, caps."""
    MANAGE_BEDS = "manage_beds"
    """Home care beds from application to closing, lending of equipment, applications for grants."""
    APPROVE_BEDS = "approve_beds"
    """Open a home care bed or refuse it, decide on grants, settle a month of them."""
    ACCEPT_DEVICES = "accept_devices"
    """Test and accept the devices of a home care bed in the flat, by what is heard of them."""
    MANAGE_TIME_BANK = "manage_time_bank"
    """Volunteers, requests, rounds and the books of the time bank."""
    CONFIRM_HELP = "confirm_help"
    """Ask for a volunteer's help, and say afterwards how long it was: for the receiving side."""
    VIEW_PRIVACY = "view_privacy"
    """How personal data is handled: duties, periods, projects, erasures; nobody's consents."""
    GIVE_CONSENTS = "give_consents"
    """Write residents' consents down, and withdraw them."""
    MANAGE_PRIVACY = "manage_privacy"
    """Copies of a person's data, plans of erasure, research projects, breaches."""
    APPROVE_ERASURE = "approve_erasure"
    """Say yes or no to an erasure or a research project that somebody else planned."""
    MANAGE_MEALS = "manage_meals"
    """Menus of canteens, diets and orders of residents, rounds and settlements."""
    DELIVER_MEALS = "deliver_meals"
    """Take meals to the doors, and say who took them in."""
    ANSWER_COMPLAINTS = "answer_complaints"
    """Answer complaints, and hand them to the level above."""
    INSPECT = "inspect"
    """Check providers of care, state what is wrong, and see whether it was mended."""
    USE_PANEL = "use_panel"
    """Call for help and see one's own day on the panel at home."""
    PLAN_SERVICES = "plan_services"
    """Plan services at home: plans, service orders, who goes, corrections of what was done."""
    SERVE = "serve"
    """Do a service at home: check in at the door, check out."""
    REQUEST_SERVICE = "request_service"
    """Ask for a service by one tap, see where it stands, take it back."""
    SETTLE_SERVICES = "settle_services"
    """The catalogue of services with its prices, and the settlement of a month."""
    RUN_PROVIDER = "run_provider"
    """Run one's own provider: who goes, requests to it, its meals of the day, its settlements and complaints."""


_VIEW = {Action.VIEW_ALERTS, Action.VIEW_RESIDENT, Action.VIEW_VITALS}
_CARE = {Action.ACKNOWLEDGE, Action.RESPOND, Action.ARRIVE, Action.RESOLVE, Action.NOTE, Action.OWN}
_RESPONDER = {
    Action.VIEW_NETWORK,
    Action.VIEW_LIMITS,
    Action.EDIT_CONTACTS,
    Action.SHARE_LOCATION,
    Action.VIEW_MEDICAL_NOTE,
    Action.EDIT_MEDICAL_NOTE,
    Action.PAUSE_ALERTS,
}

_DISPATCHER = frozenset(
    _VIEW
    | _CARE
    | _RESPONDER
    | {Action.CANCEL, Action.SET_LIMITS, Action.SET_HOME_LIMITS, Action.VIEW_OPERATIONS, Action.EXPORT_VITALS}
    | {Action.MANAGE_STAFF, Action.VIEW_OUTBOX, Action.VIEW_ORDERS, Action.DISPATCH}
    | {Action.HAND_OVER, Action.SET_POLICIES, Action.SET_PREFERENCES}
    | {Action.MERGE, Action.SNOOZE, Action.REOPEN, Action.VIEW_CARE}
    | {Action.TAKE_COURSE, Action.VIEW_NOTICES}
    | {Action.PLAN_SERVICES, Action.REQUEST_SERVICE}
    | {Action.GIVE_CONSENTS}
)

PERMISSIONS: dict[Role, frozenset[Action]] = {
    # Sets the platform up, answers no alert: an alert is closed by those who care for the person.
    Role.ADMIN: frozenset(
        _VIEW
        | {Action.VIEW_OPERATIONS, Action.VIEW_OUTBOX, Action.SETTLE_QUARANTINE, Action.EXPORT_VITALS}
        | {Action.PROVISION, Action.VIEW_NETWORK, Action.MANAGE_STAFF, Action.EDIT_CONTACTS, Action.VIEW_ORDERS}
        | {Action.SET_POLICIES, Action.SET_PREFERENCES, Action.VIEW_LIMITS, Action.SET_HOME_LIMITS}
        | {Action.SET_DISTRICT_LIMITS, Action.PAUSE_ALERTS, Action.MANAGE_ACCOUNTS, Action.LET_IN, Action.VIEW_AUDIT}
        | {Action.VIEW_FIGURES, Action.OPERATE_DEVICES, Action.SET_CHANNELS, Action.MANAGE_MACHINES, Action.VIEW_CARE}
        | {Action.VIEW_NOTICES}
        | {Action.TAKE_COURSE, Action.MANAGE_LIBRARY, Action.MANAGE_REGISTERS, Action.REPORT_UP, Action.RECORD_TRAITS}
        | {Action.SET_CARE_RULES, Action.APPROVE_BEDS, Action.SETTLE_SERVICES}
        | {
            Action.VIEW_OPERATIONS,
            Action.VIEW_OUTBOX,
            Action.SETTLE_QUARANTINE,
            Action.EXPORT_VITALS,
            Action.PROVISION,
            Action.VIEW_NETWORK,
            Action.MANAGE_STAFF,
            Action.EDIT_CONTACTS,
            Action.VIEW_ORDERS,
            Action.SET_POLICIES,
            Action.SET_PREFERENCES,
            Action.VIEW_LIMITS,
            Action.SET_HOME_LIMITS,
            Action.SET_DISTRICT_LIMITS,
            Action.PAUSE_ALERTS,
            Action.MANAGE_ACCOUNTS,
            Action.LET_IN,
            Action.VIEW_AUDIT,
            Action.VIEW_FIGURES,
            Action.OPERATE_DEVICES,
            Action.SET_CHANNELS,
            Action.MANAGE_MACHINES,
            Action.VIEW_CARE,
            Action.MANAGE_REGISTERS,
            Action.REPORT_UP,
            Action.RECORD_TRAITS,
            Action.SET_CARE_RULES,
            Action.APPROVE_BEDS,
            Action.SETTLE_SERVICES,
            Action.INSPECT,
        }
        | {Action.VIEW_PRIVACY, Action.GIVE_CONSENTS, Action.MANAGE_PRIVACY, Action.APPROVE_ERASURE}
    ),
    Role.DISPATCHER: _DISPATCHER,
    Role.LEAD: _DISPATCHER
    | {Action.ANSWER_COMPLAINTS}
    | {Action.VIEW_FIGURES, Action.SETTLE_QUARANTINE, Action.OPERATE_DEVICES, Action.SET_CHANNELS, Action.LET_IN}
    | {Action.SETTLE_SERVICES}
    | {Action.VIEW_PRIVACY}
    | {Action.APPROVE_PROPOSALS},
    # Answers for a center's homes, people and figures; takes no alert: that is the station's and the desk's.
    Role.MANAGER: frozenset(
        _VIEW
        | {Action.MANAGE_MEALS, Action.ANSWER_COMPLAINTS, Action.INSPECT}
        | {Action.VIEW_NETWORK, Action.VIEW_LIMITS, Action.VIEW_ORDERS, Action.VIEW_FIGURES, Action.VIEW_OPERATIONS}
        | {Action.PROVISION, Action.EDIT_CONTACTS, Action.MANAGE_STAFF, Action.PAUSE_ALERTS, Action.OPERATE_DEVICES}
        | {Action.TAKE_COURSE, Action.MANAGE_LIBRARY, Action.VIEW_NOTICES}
        | {Action.VIEW_CARE, Action.RECORD_TRAITS, Action.SET_CARE_RULES}
        | {Action.MANAGE_REGISTERS}
        | {Action.MANAGE_BEDS, Action.APPROVE_BEDS, Action.ACCEPT_DEVICES}
        | {Action.PLAN_SERVICES, Action.SETTLE_SERVICES}
        | {Action.MANAGE_TIME_BANK}
        | {Action.VIEW_PRIVACY, Action.GIVE_CONSENTS, Action.APPROVE_ERASURE}
        | {Action.ASSESS, Action.APPROVE_PROPOSALS}
    ),
    # Takes alerts of its area and sends its people; numbers of detection and hand-overs stay with the dispatchers.
    Role.STATION: frozenset(
        _VIEW
        | {Action.MANAGE_MEALS, Action.DELIVER_MEALS, Action.ANSWER_COMPLAINTS, Action.INSPECT}
        | _CARE
        | _RESPONDER
        | {Action.CANCEL, Action.SNOOZE, Action.MANAGE_STAFF, Action.VIEW_ORDERS, Action.DISPATCH}
        | {Action.TAKE_COURSE, Action.VIEW_NOTICES}
        | {Action.VIEW_CARE, Action.RECORD_TRAITS}
        | {Action.MANAGE_BEDS, Action.ACCEPT_DEVICES}
        | {Action.PLAN_SERVICES, Action.SERVE, Action.REQUEST_SERVICE}
        | {Action.MANAGE_TIME_BANK, Action.CONFIRM_HELP}
        | {Action.GIVE_CONSENTS}
        | {Action.ASSESS, Action.APPROVE_PROPOSALS}
    ),
    Role.CARER: frozenset(
        _VIEW
        | {Action.DELIVER_MEALS}
        | _CARE
        | _RESPONDER
        | {Action.CANCEL, Action.SET_LIMITS, Action.SET_HOME_LIMITS, Action.VIEW_ORDERS, Action.VIEW_CARE}
        | {Action.TAKE_COURSE, Action.SERVE}
        | {Action.ASSESS, Action.ACCEPT_DEVICES}
    ),
    Role.FAMILY: frozenset(
        _VIEW
        | {Action.RATE_VISIT, Action.FAMILY_CIRCLE, Action.REQUEST_SERVICE, Action.CONFIRM_HELP, Action.TAKE_COURSE}
    ),
    Role.PANEL: frozenset({Action.USE_PANEL, Action.REQUEST_SERVICE}),
    Role.AUDITOR: frozenset({Action.VIEW_AUDIT, Action.VIEW_FIGURES, Action.VIEW_PRIVACY, Action.TAKE_COURSE}),
    Role.PROVIDER: frozenset({Action.RUN_PROVIDER}),
    Role.MACHINE: frozenset({Action.EXCHANGE_READ, Action.EXCHANGE_WRITE}),
}
WITHOUT_AREA = (Role.FAMILY, Role.PROVIDER)
"""Roles whose accounts have no area: residents are theirs by consent, or by an order and not at all."""
DISPATCHERS = (Role.DISPATCHER, Role.LEAD)
"""Roles that sit at the dispatch desk."""


ROLES_ZH: Mapping[Role, str] = {
    Role.ADMIN: "管理员",
    Role.DISPATCHER: "调度员",
    Role.LEAD: "值班长",
    Role.MANAGER: "中心负责人",
    Role.STATION: "社区站/街道中心",
    Role.CARER: "护理员",
    Role.FAMILY: "家属",
    Role.PANEL: "长者终端",
    Role.AUDITOR: "审计员",
    Role.PROVIDER: "服务机构人员",
    Role.MACHINE: "外部系统",
}
ACTIONS_ZH: Mapping[Action, str] = {
    Action.ACKNOWLEDGE: "接警",
    Action.RESPOND: "登记前往",
    Action.ARRIVE: "登记到达",
    Action.RESOLVE: "办结预警",
    Action.CANCEL: "取消预警",
    Action.NOTE: "添加备注",
    Action.OWN: "接手他人的预警",
    Action.MERGE: "合并预警",
    Action.SNOOZE: "暂缓设备预警",
    Action.REOPEN: "重新打开预警",
    Action.VIEW_ALERTS: "查看预警",
    Action.VIEW_RESIDENT: "查看老人",
    Action.VIEW_VITALS: "查看体征",
    Action.VIEW_LIMITS: "查看预警阈值",
    Action.SET_LIMITS: "设置老人的预警阈值",
    Action.SET_HOME_LIMITS: "设置住户的预警阈值",
    Action.SET_DISTRICT_LIMITS: "设置全区或能力等级的预警阈值",
    Action.PAUSE_ALERTS: "暂停预警",
    Action.VIEW_OPERATIONS: "查看运行状态",
    Action.VIEW_OUTBOX: "查看演示消息",
    Action.SETTLE_QUARANTINE: "处理待查数据",
    Action.EXPORT_VITALS: "导出体征",
    Action.PROVISION: "建档",
    Action.VIEW_NETWORK: "查看照护网络",
    Action.MANAGE_STAFF: "管理人员与排班",
    Action.EDIT_CONTACTS: "修改联系人",
    Action.SHARE_LOCATION: "共享位置",
    Action.VIEW_MEDICAL_NOTE: "查看医疗信息",
    Action.EDIT_MEDICAL_NOTE: "修改医疗信息",
    Action.VIEW_ORDERS: "查看工单",
    Action.DISPATCH: "派单",
    Action.HAND_OVER: "交接班",
    Action.SET_POLICIES: "修改呼叫策略",
    Action.SET_PREFERENCES: "设置通知偏好",
    Action.RATE_VISIT: "评价上门服务",
    Action.MANAGE_ACCOUNTS: "管理账号",
    Action.LET_IN: "放行同事登录",
    Action.FAMILY_CIRCLE: "使用家属页面",
    Action.VIEW_AUDIT: "查看审计记录",
    Action.VIEW_FIGURES: "查看统计分析",
    Action.OPERATE_DEVICES: "操作设备",
    Action.SET_CHANNELS: "管理通知渠道",
    Action.MANAGE_MACHINES: "管理外部系统接入",
    Action.EXCHANGE_READ: "以外部系统身份读取",
    Action.EXCHANGE_WRITE: "以外部系统身份写入",
    Action.VIEW_CARE: "查看养老服务",
    Action.TAKE_COURSE: "参加培训课程",
    Action.MANAGE_LIBRARY: "管理制度文件与培训课程",
    Action.ASSESS: "评估老人能力",
    Action.APPROVE_PROPOSALS: "审批评估建议",
    Action.MANAGE_REGISTERS: "管理名册与证件号码",
    Action.REPORT_UP: "上报与交换数据",
    Action.VIEW_NOTICES: "查看提醒",
    Action.RECORD_TRAITS: "登记老人情况",
    Action.SET_CARE_RULES: "设置服务规则",
    Action.MANAGE_BEDS: "办理床位、辅具与补贴",
    Action.APPROVE_BEDS: "审批床位与补贴",
    Action.ACCEPT_DEVICES: "现场验收设备",
    Action.MANAGE_TIME_BANK: "管理时间银行",
    Action.CONFIRM_HELP: "预约和确认互助服务",
    Action.VIEW_PRIVACY: "查看个人信息保护",
    Action.GIVE_CONSENTS: "登记与撤回同意",
    Action.MANAGE_PRIVACY: "管理个人信息",
    Action.APPROVE_ERASURE: "审批个人信息删除与研究",
    Action.MANAGE_MEALS: "管理助餐",
    Action.DELIVER_MEALS: "送餐",
    Action.ANSWER_COMPLAINTS: "答复投诉",
    Action.INSPECT: "服务质量检查",
    Action.USE_PANEL: "使用长者终端",
    Action.PLAN_SERVICES: "安排上门服务",
    Action.SERVE: "上门服务签到签退",
    Action.REQUEST_SERVICE: "一键申请服务",
    Action.SETTLE_SERVICES: "维护服务价格与月度结算",
    Action.RUN_PROVIDER: "经办本机构的服务",
}
"""Actions in Chinese, for refusals; in English the code itself is read."""


def role_may(role: Role, action: Action) -> bool:
    """Whether a role has the permission, with an account or without one."""
    return action in PERMISSIONS[role]


def may_do(account: Account, action: Action | str) -> bool:
    """Whether the account's role has the permission. Which residents it covers is decided by :func:`may_see`."""
    return role_may(Role(account.role), Action(action))


def require(account: Account, action: Action | str) -> None:
    """Refuse an account whose role lacks the permission. Raises NotPermittedError, which names role and action."""
    if not may_do(account, action):
        action = Action(action)
        raise NotPermittedError(
            en=f"{account.login!r} is {account.role}, who may not {action.value.replace('_', ' ')}",
            zh=f"账号 {account.login}（{ROLES_ZH[Role(account.role)]}）无权{ACTIONS_ZH[action]}",
        )


def in_area(account: Account, path: str) -> bool:
    """Whether an area lies in the account's own; False for family, who have none."""
    return account.area_path is not None and within(path, account.area_path)


def covers_every_home(conn: Connection[Any], account: Account) -> bool:
    """Whether the account's area has every home, so that it may set what holds for the whole district.

    By a function of the database's owner: the console itself sees the homes of the viewer's area alone.
    """
    if account.area_path is None:
        return False
    row = conn.execute("SELECT homes_beyond(%s::ltree)", (account.area_path,)).fetchone()
    return row is not None and not row[0]
