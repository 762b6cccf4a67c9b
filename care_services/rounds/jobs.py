"""The list of jobs of the rounds. A part of the wing adds its own: a name, how often, and a function.

A job is called with a connection in autocommit, the database's time, and the outside; it returns how many things it
did. It must be safe to repeat at any moment, and does its work in transactions of its own, none of them long: a job
that is killed half way is done again. Rights on its tables are those of the job's service in ``database/rights``:
``orders``, or ``reports``, the only one that opens identity numbers and signs packages.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from psycopg import Connection

from care_services.assessment.reminders import remind
from care_services.core import notice_round
from care_services.home_beds import contracts
from care_services.home_services.orders import known_since
from care_services.home_services.plans.making import make_ahead
from care_services.home_services.visits import comparing, door_links, unfit
from care_services.library import reminding
from care_services.library.documents.searching import keep_missing
from care_services.meals import settlement
from care_services.meals.arrangements import making
from care_services.registers.following import carry_out_due
from care_services.reporting.pushing import send_in_rounds
from care_services.rounds import button_presses, closed_doors, exchange, missed_visits, requests, shut_doors
from care_services.rounds.outside import Outside
from care_services.time_bank import books
from care_services.time_bank.running import alarms, lapsing, own_link, visits
from care_services.workforce.reminders import tell_due
from vocabulary.times import SHANGHAI


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job. ``zh`` and ``en``: what is not done while it stands still, for the page of the rounds.

    ``service``: whose process does it.
    """

    name: str
    zh: str
    en: str
    every: dt.timedelta
    work: Callable[[Connection[Any], dt.datetime, Outside], int]
    service: Literal["orders", "reports"] = "orders"

    @property
    def late_after(self) -> dt.timedelta:
        """The age of the last good turn from which on the job counts as standing still."""
        return 3 * self.every + dt.timedelta(minutes=2)


JOBS: tuple[Job, ...] = (
    Job(
        name="missed_visits", zh="护理员未按时上门的提醒", en="alerts about visits to which nobody came",
        every=dt.timedelta(seconds=20), work=missed_visits.look,
    ),
    Job(
        name="shut_doors", zh="上门和送餐无人应门的提醒", en="alerts about doors that nobody opened",
        every=dt.timedelta(seconds=20), work=shut_doors.look,
    ),
    Job(
        name="service_orders", zh="按服务计划生成服务单", en="service orders made of plans",
        every=dt.timedelta(hours=1), work=lambda conn, now, _: make_ahead(conn, now),
    ),
    Job(
        name="planned_meals", zh="按助餐安排自动订餐", en="meals ordered by their arrangements",
        every=dt.timedelta(minutes=5), work=lambda conn, now, _: making.run(conn, now),
    ),
    Job(
        name="requests", zh="一键申请的答复时限与转交", en="requests by one tap handed on when nobody answers",
        every=dt.timedelta(seconds=20), work=requests.look,
    ),
    Job(
        name="button_presses", zh="家中服务键转为申请", en="presses of service buttons made requests",
        every=dt.timedelta(seconds=5), work=button_presses.look,
    ),
    Job(
        name="visit_links", zh="无账号上门人员的签到链接", en="links of visits for people without an account",
        every=dt.timedelta(minutes=5), work=lambda conn, now, _: door_links.tell_due(conn, now),
    ),
    Job(
        name="unfit_visits", zh="上门人员证书失效或离职后须另派人的提醒",
        en="reminders of visits whose carer may not go any more",
        every=dt.timedelta(minutes=1), work=lambda conn, now, _: unfit.tell(conn, now),
    ),
    Job(
        name="unkept_visits", zh="将过期未上门的服务单记为未上门", en="visits whose day is over noted as missed",
        every=dt.timedelta(minutes=10), work=missed_visits.close_past,
    ),
    Job(
        name="open_subsidies", zh="补充登记后重新核定上门服务和用餐补贴",
        en="subsidies of visits and meals decided anew when facts become known",
        every=dt.timedelta(minutes=30),
        work=lambda conn, now, _: known_since.decide_anew(conn, now) + settlement.decide_anew(conn, now),
    ),
    Job(
        name="service_tally", zh="计划与完成的汇总整理", en="the sums of planned against done put together",
        every=dt.timedelta(hours=1), work=lambda conn, now, _: comparing.count_anew(conn, now),
    ),
    Job(
        name="notices", zh="提醒的发送", en="reminders handed on to be sent",
        every=dt.timedelta(seconds=30), work=notice_round.look,
    ),
    Job(
        name="packages", zh="按计划生成上报数据包", en="packages for other levels made at their times",
        every=dt.timedelta(minutes=10), work=lambda conn, now, _: exchange.make_packages(conn, now),
        service="reports",
    ),
    Job(
        name="withdrawals", zh="撤回同意后通知接收方删除", en="receivers told of consents that were withdrawn",
        every=dt.timedelta(minutes=1), work=lambda conn, now, _: exchange.tell_withdrawals(conn, now),
        service="reports",
    ),
    Job(
        name="register_pulls", zh="按计划拉取名册", en="registers fetched at their times",
        every=dt.timedelta(minutes=1), work=lambda conn, now, _: exchange.fetch_registers(conn, now),
        service="reports",
    ),
    Job(
        name="silent_receivers", zh="接收方长时间未接收的提醒", en="alerts about receivers that take nothing",
        every=dt.timedelta(minutes=10), work=exchange.tell_silent,
    ),
    Job(
        name="leavings", zh="老人离开后到期的处理（家属权限、对外共享）",
        en="terms after a death or a move: the family's access, other systems",
        every=dt.timedelta(minutes=10), work=lambda conn, now, _: carry_out_due(conn, now),
    ),
    Job(
        name="reports", zh="向上级和相邻平台发送数据包", en="packages sent to the levels above and beside",
        every=dt.timedelta(seconds=30), work=lambda conn, now, _: send_in_rounds(conn, now),
        service="reports",
    ),
    Job(
        name="volunteers", zh="志愿者审查失效、逾期答复、邻里应急登记",
        en="promises of volunteers that lapse, and alarms that neighbours answered",
        every=dt.timedelta(seconds=30), work=lambda conn, now, _: lapsing.look(conn, now).total
        + alarms.take_finished(conn, now),
    ),
    Job(
        name="volunteer_words", zh="志愿者登记时长与家属确认的提醒、个人链接续期",
        en="reminders of words that are missing, and links of volunteers renewed",
        every=dt.timedelta(minutes=15), work=lambda conn, now, _: lapsing.remind(conn, now)
        + own_link.renew_due(conn, now),
    ),
    Job(
        name="closed_doors", zh="志愿者上门无人应门的提醒", en="alerts about doors that nobody opened to a volunteer",
        every=dt.timedelta(seconds=20), work=closed_doors.look,
    ),
    Job(
        name="companionship", zh="按周排定陪伴巡访", en="visits for company made ahead",
        every=dt.timedelta(minutes=30), work=lambda conn, now, _: visits.make_ahead(conn, now),
    ),
    Job(
        name="old_hours", zh="到期时间的失效", en="hours of the time bank that expire",
        every=dt.timedelta(minutes=30), work=lambda conn, now, _: books.expire_due(conn, now),
    ),
    Job(
        name="certificate_reminders", zh="人员证书到期提醒", en="reminders of staff certificates that end",
        every=dt.timedelta(hours=1), work=lambda conn, now, _: tell_due(conn, now.astimezone(SHANGHAI).date(), now),
    ),
    Job(
        name="contract_reminders", zh="床位合同到期提醒", en="reminders of bed contracts that end",
        every=dt.timedelta(hours=1), work=lambda conn, now, _: contracts.tell_due(conn, now),
    ),
    Job(
        name="assessment_reminders", zh="能力评估到期提醒", en="reminders of assessments that are due",
        every=dt.timedelta(hours=1), work=lambda conn, now, _: remind(conn, now.astimezone(SHANGHAI).date(), now),
    ),
    Job(
        name="library_reminders", zh="文件待阅读、课程待复训的提醒", en="reminders to read and to take courses again",
        every=dt.timedelta(hours=1),
        work=lambda conn, now, _: reminding.tell_due(conn, now.astimezone(SHANGHAI).date(), now),
    ),
    Job(
        name="library_words", zh="旧文件内容的检索索引", en="words inside documents made searchable",
        every=dt.timedelta(minutes=10), work=lambda conn, now, _: keep_missing(conn, now),
    ),
)  # fmt: skip


def jobs_of(service: str) -> tuple[Job, ...]:
    """The jobs that the process of a service does."""
    return tuple(job for job in JOBS if job.service == service)
