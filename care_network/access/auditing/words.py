"""Say a line of the audit in words: who did what, in Chinese and English, from its action and detail."""

from collections.abc import Mapping
from typing import Any

from care_network.access.permissions import ACTIONS_ZH, ROLES_ZH, Action, Role
from vocabulary.alert_state import STATE_WORDS
from vocabulary.text import clean_text

Pair = tuple[str, str]

WORDS: Mapping[str, Pair] = {
    "login": ("登录", "logged in"),
    "login_by_passkey": ("用通行密钥登录", "logged in with a passkey"),
    "login_failed": ("登录失败", "failed to log in"),
    "login_without_second_factor": ("未登记动态码，登录被拒", "was refused: no second factor is enrolled"),
    "logout": ("退出", "logged out"),
    "confirm": ("再次验证密码", "gave the password again"),
    "change_password": ("修改了密码", "changed the password"),
    "reset_password": ("重置了密码", "reset the password"),
    "enrol_second_factor": ("启用了动态码", "enrolled an authenticator app"),
    "remove_second_factor": ("停用了动态码", "switched the authenticator app off"),
    "reset_second_factor": ("清除了动态码、恢复码和通行密钥", "took the second factor away"),
    "renew_recovery_codes": ("更换了恢复码", "renewed the recovery codes"),
    "let_in": ("为同事开了登录临时码", "made a code that lets a colleague in"),
    "use_recovery_code": ("使用了一个恢复码", "used a recovery code"),
    "add_passkey": ("添加了通行密钥", "added a passkey"),
    "remove_passkey": ("移除了通行密钥", "removed a passkey"),
    "end_own_session": ("结束了一个自己的会话", "ended one of their own sessions"),
    "end_other_sessions": ("结束了自己的其他会话", "ended their other sessions"),
    "end_sessions": ("结束了账号的全部会话", "ended all sessions of the account"),
    "add_account": ("新建账号", "added the account"),
    "add_first_admin": ("新建首位管理员", "added the first administrator"),
    "change_account": ("修改账号", "changed the account"),
    "enable_account": ("启用账号", "enabled the account"),
    "disable_account": ("停用账号", "disabled the account"),
    "list_accounts": ("查看账号列表", "looked at the list of accounts"),
    "view_account": ("查看账号", "looked at the account"),
    "list_sessions": ("查看账号的会话", "looked at the sessions of the account"),
    "give_consent": ("登记老人同意家属查看", "recorded a resident's consent to the family"),
    "withdraw_consent": ("撤回老人对家属的同意", "withdrew a resident's consent to the family"),
    "book_minutes": ("记入时间银行", "booked minutes of the time bank"),
    "expire_minutes": ("处理到期时间", "let minutes of the time bank expire"),
    "ask_reversal": ("申请冲正", "asked that a booking be reversed"),
    "decide_reversal": ("复核冲正", "decided on a reversal"),
    "view_statement": ("查看时间账单", "looked at a statement of minutes"),
    "change_volunteer": ("修改志愿者", "changed a volunteer"),
    "view_help": ("查看互助服务", "looked at a volunteer's help"),
    "ask_for_help": ("预约互助服务", "asked for a volunteer's help"),
    "change_help": ("处理互助服务", "took a step of a volunteer's help"),
    "change_round": ("修改陪伴巡访", "changed a round for company"),
    "make_round_week": ("生成一周巡访", "made the visits of a week"),
    "view_page": ("查看页面", "looked at the page"),
    "view_circle": ("查看家庭圈", "looked at the family circle"),
    "view_candidates": ("查看可派人员", "looked at who could be sent"),
    "view_closed_alerts": ("查看已办结预警", "looked at closed alerts"),
    "view_parameters": ("查看预警阈值", "looked at thresholds"),
    "export_figures": ("导出统计分析", "exported figures"),
    "view_looks": ("查看各账号查看量", "looked at the counts of looks"),
    "view_alert": ("查看预警", "looked at the alert"),
    "refused_view_alert": ("查看预警被拒", "was refused an alert"),
    "refused_alert": ("查看预警被拒", "was refused an alert"),
    "view_resident": ("查看老人", "looked at the resident"),
    "refused_view_resident": ("查看老人被拒", "was refused a resident"),
    "view_order": ("查看工单", "looked at the work order"),
    "refused_view_order": ("查看工单被拒", "was refused a work order"),
    "rate_order": ("评价上门服务", "rated the visit"),
    "view_orders": ("查看工单", "looked at work orders"),
    "view_sla": ("查看服务时限", "looked at service levels"),
    "view_duty": ("查看值班", "looked at who is on duty"),
    "view_protection": ("查看守护状态", "looked at the protection picture"),
    "view_quarantine": ("查看待查数据", "looked at quarantined data"),
    "reprocess_quarantine": ("重新处理待查数据", "processed quarantined data again"),
    "discard_quarantine": ("丢弃待查数据", "discarded quarantined data"),
    "view_alert_report": ("查看预警报告", "looked at an alert's report"),
    "view_audit": ("查询审计记录", "searched the audit"),
    "export_audit": ("导出审计记录", "exported the audit"),
    "verify_audit": ("校验审计链", "verified the audit"),
    "export_vitals": ("导出体征", "exported readings"),
    "export_complete": ("体征导出完成", "finished an export of readings"),
    "offer_handover": ("提出交接班", "offered a hand-over"),
    "accept_handover": ("接受交接班", "accepted a hand-over"),
    "withdraw_handover": ("收回交接班", "took a hand-over back"),
    "ask_for_support": ("请求支援", "asked for support"),
    "withdraw_calls": ("家属要求不再致电", "asked not to be called any more"),
    "leave_circle": ("家属退出", "left the family circle"),
    "make_panel": ("生成长者终端链接", "made a panel's link"),
    "withdraw_panel": ("收回长者终端链接", "withdrew a panel's link"),
    "begin_pause": ("开始暂停预警", "began a pause of alerts"),
    "end_pause": ("结束暂停预警", "ended a pause of alerts"),
    "dispatch": ("派单", "sent somebody"),
    "make_link": ("生成工单链接", "made a work order's link"),
    "set_retention": ("修改数据保留期限", "changed how long readings are kept"),
    "ask_gap": ("请求补传数据", "asked a home for missing data"),
    "accept_gap": ("确认数据缺口", "accepted a gap in the data"),
    "answer_duty_test": ("应答值班测试", "answered a duty test"),
    "share_location": ("共享位置", "shared a location"),
    "provision": ("建档", "registered"),
    "bring_device_back": ("重新启用设备", "brought a device back"),
    "dry_run_policy": ("试算呼叫策略", "tried an escalation policy on past alerts"),
    "enrolment_code": ("生成网关登记码", "made a gateway's enrolment code"),
    "give_exchange_consent": ("登记老人同意外部系统读取", "recorded a resident's consent to another system"),
    "withdraw_exchange_consent": ("撤回老人对外部系统的同意", "withdrew a resident's consent to another system"),
    "pair_device": ("确认配对设备", "paired a device"),
    "refuse_pairing": ("拒绝配对", "refused a pairing"),
    "replace_device": ("更换设备", "replaced a device"),
    "retire_device": ("停用设备", "retired a device"),
    "plan_roster": ("安排排班", "planned a roster"),
    "push_config": ("下发网关配置", "sent a gateway its configuration"),
    "self_test": ("要求设备自检", "asked for a self test"),
    "tell_desk": ("家属告知值班台", "told the desk"),
    "resend_webhook": ("重发外部通知", "sent a webhook again"),
    "revoke_machine_token": ("吊销外部系统令牌", "revoked a machine's token"),
    "test_channel": ("发送测试消息", "sent a test message"),
    "withdraw_request": ("撤回对设备的请求", "withdrew a request to a device"),
    "preview_parameter": ("试算预警阈值", "tried a threshold on past readings"),
    "record_call": ("登记电话", "recorded a call"),
    "view_service_plans": ("查看服务计划", "looked at service plans"),
    "refused_view_service_plans": ("查看服务计划被拒", "was refused service plans"),
    "refused_plan_services": ("安排上门服务被拒", "was refused to plan services"),
    "view_service_order": ("查看服务单", "looked at the visit"),
    "refused_view_service_order": ("查看服务单被拒", "was refused the visit"),
    "view_service_orders": ("查看服务单", "looked at visits"),
    "refused_view_service_orders": ("查看服务单被拒", "was refused visits"),
    "assign_service_order": ("安排上门人员", "named who goes"),
    "move_service_order": ("服务单改期", "moved the visit"),
    "cancel_service_order": ("取消服务单", "cancelled the visit"),
    "miss_service_order": ("记为未上门", "noted the visit as missed"),
    "refuse_service_order": ("登记入户被拒", "noted that the door was refused"),
    "reopen_service_order": ("恢复服务单", "brought the visit back"),
    "correct_service_order": ("更正服务时长", "corrected the visit"),
    "check_in_visit": ("上门签到", "checked in at the home"),
    "check_out_visit": ("上门签退", "checked out of the home"),
    "deal_with_rating": ("处理低分评价", "dealt with a low rating"),
    "print_visit_code": ("打印入户码", "printed the code of the home"),
    "renew_visit_code": ("更换入户码", "renewed the code of the home"),
    "refused_print_visit_code": ("打印入户码被拒", "was refused the code of a home"),
    "add_care_service": ("新增服务项目", "added a service to the catalogue"),
    "change_care_service": ("修改服务项目", "changed a service of the catalogue"),
    "set_service_price": ("设定服务价格", "set a price"),
    "view_settlement": ("查看结算单", "looked at a settlement"),
    "set_policy": ("修改呼叫策略", "changed an escalation policy"),
    "reveal_identity": ("查看完整证件号码", "looked at the whole identity number"),
    "set_identity": ("登记证件号码", "recorded the identity number"),
    "import_register": ("导入名册", "imported a register"),
    "view_register": ("查看名册", "looked at a register"),
    "decide_register": ("处理名册差异", "decided on differences with a register"),
    "link_register": ("确认名册中的人", "said who a line of a register is"),
    "add_from_register": ("由名册建档", "added a resident from a register"),
    "set_aside_register": ("搁置名册中的一行", "set a line of a register aside"),
    "pull_register": ("拉取名册", "fetched a register"),
    "set_register_source": ("设置名册来源", "set a source of registers"),
    "record_leaving": ("登记老人离开", "recorded that a resident is gone"),
    "end_leaving": ("撤销离开登记", "recorded that a resident is back"),
    "make_package": ("生成上报数据包", "made a package"),
    "end_package": ("撤回或移交数据包", "withdrew a package, or handed it over"),
    "counter_sign_package": ("导入会签", "took a counter-signature in"),
    "view_package": ("查看数据包", "looked at a package"),
    "resume_receiver": ("恢复上报", "let reports go on"),
    "set_receiver": ("设置上报接收方", "set a receiver of packages"),
    "record_trait": ("登记老人情况", "recorded a trait of the resident"),
    "set_care_rules": ("修改服务规则", "changed rules of services"),
    "view_bed": ("查看家庭养老床位", "looked at a home care bed"),
    "refused_view_bed": ("查看家庭养老床位被拒", "was refused a home care bed"),
    "change_bed": ("办理家庭养老床位", "worked on a home care bed"),
    "view_equipment": ("查看辅具", "looked at a piece of equipment"),
    "refused_change_equipment": ("借出辅具被拒", "was refused the lending of equipment"),
    "change_equipment": ("办理辅具", "worked on a piece of equipment"),
    "view_grant": ("查看补贴申请", "looked at an application for a grant"),
    "refused_view_grant": ("查看补贴申请被拒", "was refused an application for a grant"),
    "change_grant": ("办理补贴申请", "worked on an application for a grant"),
    "settle_grants": ("结算补贴", "settled a month of grants"),
    "export_grants": ("导出补贴发放表", "exported the paid grants of a month"),
    "drop_policy": ("删除呼叫策略", "dropped an escalation policy"),
}
"""By action. Others are composed: verb and kind of record, an order's step, a permission's name."""
STEPS: Mapping[str, Pair] = {
    "raise": ("预警产生", "the alert was raised"),
    "acknowledge": ("接警", "took the alert"),
    "respond": ("前往", "set out"),
    "arrive": ("到达", "arrived"),
    "resolve": ("办结", "closed the alert"),
    "cancel": ("取消预警", "cancelled the alert"),
    "clear": ("自动解除", "the cause ended by itself"),
    "note": ("添加备注", "wrote a note"),
    "lapse": ("无进展，重新呼叫", "no progress: called out again"),
    "take_over": ("接班", "took it over with the shift"),
    "own": ("接手预警", "made it their own"),
    "step": ("完成处置步骤", "did a step of the procedure"),
    "merge": ("合并预警", "merged the alert"),
    "unmerge": ("取消合并", "parted the alert again"),
    "snooze": ("暂缓", "let it rest"),
    "wake": ("结束暂缓", "ended its rest"),
    "reopen": ("重新打开", "opened it again"),
    "undo": ("撤销办结", "took the end back"),
    "escalate": ("升级", "its severity rose"),
    "call_out": ("逐级呼叫", "people were called"),
    "again": ("再次报警", "a further alarm"),
    "notify": ("已发通知", "a message was sent"),
    "notify_failed": ("通知未送达", "a message did not arrive"),
    "known": ("家属已知晓", "the family knows"),
    "spoken": ("已通话", "somebody was spoken to"),
    "call": ("登记电话", "recorded a call"),
    "told": ("家属告知", "the family told the desk"),
}
"""By step of an alert's history."""
_VERBS: Mapping[str, Pair] = {
    "add": ("新建", "added"), "change": ("修改", "changed"), "remove": ("删除", "removed"),
    "view": ("查看", "looked at"), "list": ("列出", "listed"), "import": ("导入", "imported"),
    "export": ("导出", "exported"), "order": ("工单", "work order:"), "refused": ("被拒", "was refused"),
    "undo": ("撤销", "took back"), "restore": ("恢复", "restored"), "set": ("设置", "set"),
}  # fmt: skip
_KINDS: Mapping[str, Pair] = {
    "area": ("区域", "an area"), "organisation": ("机构", "an organisation"), "household": ("住户", "a home"),
    "resident": ("老人档案", "a resident's record"), "contact": ("联系人", "a contact"),
    "staff": ("人员", "a member of the staff"), "certificate": ("证书", "a certificate"), "shift": ("班次", "a shift"),
    "roster": ("排班", "a roster"), "exception": ("排班例外", "an exception of a roster"),
    "gateway": ("网关", "a gateway"), "device": ("设备", "a device"), "policy": ("呼叫策略", "an escalation policy"),
}  # fmt: skip
_DETAIL: Mapping[str, Pair] = {
    "login": ("账号", "account"), "page": ("页面", "page"), "words": ("搜索词", "words"), "role": ("角色", "role"),
    "area": ("区域", "area"), "alert": ("预警", "alert"), "order": ("工单", "order"), "name": ("名称", "name"),
    "sessions": ("会话", "sessions"), "left": ("剩余", "left"), "lines": ("行数", "lines"),
    "format": ("格式", "format"),
    "key": ("编号", "key"), "under": ("范围", "below"), "count": ("条数", "count"), "reason": ("理由", "reason"),
    "days": ("天数", "days"), "handover": ("交接班", "hand-over"), "resident": ("老人", "resident"),
    "changed": ("变更", "changed"), "entries": ("条数", "entries"), "by": ("账号", "account"),
    "unknown_resident": ("不存在的老人", "a resident who does not exist"), "gateway": ("网关", "gateway"),
    "faults": ("问题", "faults"), "household": ("住户", "home"), "value": ("值", "value"),
    "to_state": ("预警状态", "state"), "outcome": ("处置结果", "outcome"), "note": ("说明", "note"),
    "note_en": ("说明", "note"), "said_to_be": ("自称账号（会话不符）", "in the name of, without its session"),
    "staff": ("人员", "staff"), "view": ("栏目", "view"), "orders": ("工单", "orders"), "code": ("编号", "code"),
    "webhook": ("外部通知", "webhook"), "version": ("版本", "version"), "refused": ("拒绝", "refused"),
    "program": ("程序", "program"), "organisation": ("机构", "organisation"), "n": ("数量", "count"),
    "gaps": ("缺口", "gaps"), "from": ("自", "from"), "to": ("至", "to"), "file": ("文件", "file"),
    "alerts": ("预警", "alerts"), "what": ("内容", "what"), "told": ("告知", "told"), "token": ("令牌", "token"),
    "test": ("测试", "test"), "tests": ("测试", "tests"), "source": ("来源", "source"), "skipped": ("跳过", "skipped"),
    "since": ("自", "since"), "until": ("至", "until"), "service": ("服务", "service"),
    "second_factor": ("第二验证方式", "second factor"), "rows": ("行数", "rows"), "revoked": ("吊销", "revoked"),
    "result": ("结果", "result"), "residents": ("老人", "residents"), "readings": ("读数", "readings"),
    "place": ("地点", "place"), "pause": ("暂停", "pause"), "passkey": ("通行密钥", "passkey"),
    "month": ("月份", "month"), "bed": ("床位", "bed"), "step": ("办理", "step"), "item": ("辅具", "item"),
    "application": ("申请", "application"), "state": ("状态", "state"), "amount_fen": ("金额（分）", "amount (fen)"),
    "service_order": ("服务单", "visit"), "plan": ("服务计划", "plan"),
    "how": ("签到方式", "by"), "minutes": ("分钟", "minutes"), "stars": ("星级", "stars"),
    "valid_from": ("生效日期", "from"), "price_fen": ("价格（分）", "price (fen)"),
    "message": ("消息", "message"), "list": ("列表", "list"), "kind": ("种类", "kind"), "hours": ("小时", "hours"),
    "gateways": ("网关", "gateways"), "form": ("格式", "format"), "fields": ("字段", "fields"),
    "entry": ("条目", "entry"), "consent_at": ("同意时间", "consent at"), "consent": ("同意", "consent"),
    "channel": ("渠道", "channel"), "change": ("变更", "change"), "called": ("呼叫", "called"), "at": ("时间", "at"),
    "because": ("理由", "because"), "action": ("操作", "action"), "origin": ("来源", "from"),
    "sheet": ("表格", "table"), "relation": ("关系", "relation"), "device": ("设备", "device"),
    "added": ("新增", "added"), "unchanged": ("未变", "unchanged"), "number": ("编号", "number"),
    "scope": ("范围", "scope"), "path": ("路径", "path"), "url": ("地址", "address"), "ended": ("已结束", "ended"),
}  # fmt: skip


def action_words(action: str) -> Pair:
    """Name an action in Chinese and English; one that nobody has words for reads as its code with blanks."""
    if action in WORDS:
        return WORDS[action]
    if action in set(Action):
        return ACTIONS_ZH[Action(action)], action.replace("_", " ")
    verb, _, kind = action.partition("_")
    if verb in _VERBS and kind:
        zh, en = _VERBS[verb]
        kind_zh, kind_en = _KINDS.get(kind, (kind.replace("_", " "), kind.replace("_", " ")))
        return f"{zh}{'' if kind in _KINDS else ' '}{kind_zh}", f"{en} {kind_en}"
    plain = action.replace("_", " ")
    return plain, plain


def step_words(step: str) -> Pair:
    """Name a step of an alert in Chinese and English; one without words reads as an action does."""
    return STEPS.get(step) or action_words(step)


def detail_words(detail: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """The details of a line as names and values; nested values as short text."""
    place = 0 if language == "zh" else 1
    other = "note" if language != "zh" and detail.get("note_en") else "note_en"
    return [
        (_DETAIL[name][place] if name in _DETAIL else name.replace("_", " "), _value(name, value, language))
        for name, value in detail.items()
        if value not in (None, "", {}, []) and name != other
    ]


def _value(name: str, value: Any, language: str) -> str:
    if name == "role" and isinstance(value, str) and value in set(Role):
        return ROLES_ZH[Role(value)] if language == "zh" else str(value)
    if name == "to_state" and value in STATE_WORDS:
        return STATE_WORDS[value][0 if language == "zh" else 1]
    if isinstance(value, bool):
        return ("是" if value else "否") if language == "zh" else ("yes" if value else "no")
    if isinstance(value, Mapping):
        return ("；" if language == "zh" else "; ").join(
            f"{name}{'：' if language == 'zh' else ': '}{one}" for name, one in detail_words(value, language)
        )
    if isinstance(value, list):
        return " → ".join(_value(name, one, language) for one in value)
    return clean_text(str(value))[:300]
