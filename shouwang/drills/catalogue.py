"""The table of drills: which fault, for how long, on which place, and how late an alert may be."""

from collections.abc import Callable

import msgspec

from shouwang.drills.faults import certificate, clock, fill, freeze, kill, line, restore, upgrade
from shouwang.drills.old_release import OldRelease
from shouwang.drills.place import Place

TAKEN_OVER_S = 10.0
"""Latest alert where one process of a pair dies or stands still."""


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table.

    ``seconds``: how long the fault lasts. ``limit_s``: how late an alert may reach a telephone.
    """

    name: str
    zh: str
    en: str
    inflict: Callable[[Place, float], None]
    seconds: float
    limit_s: float
    pairs: bool = False
    standby: bool = False
    place: type[Place] = Place
    """The place that starts before the fault."""
    short: bool = False
    """Part of the short form."""


def _single(seconds: float) -> float:
    """The limit of a part that stands alone: as long as it is away, and the start of a Python service."""
    return seconds + 20.0


DRILLS: dict[str, Drill] = {
    drill.name: drill
    for drill in (
        Drill(
            name="kill-ingest",
            zh="反复杀掉接入服务",
            en="kill -9 ingest, twice",
            inflict=kill.service("ingest"),
            seconds=10,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="kill-alerting",
            zh="反复杀掉两个预警服务之一",
            en="kill -9 one of two alerting, twice",
            inflict=kill.service("alerting"),
            seconds=10,
            limit_s=TAKEN_OVER_S,
            pairs=True,
        ),
        Drill(
            name="kill-alerting-alone",
            zh="反复杀掉唯一的预警服务",
            en="kill -9 the only alerting, twice",
            inflict=kill.service("alerting"),
            seconds=10,
            limit_s=_single(0),
            short=True,
        ),
        Drill(
            name="kill-dispatch",
            zh="反复杀掉两个调度服务之一",
            en="kill -9 one of two dispatch, twice",
            inflict=kill.service("dispatch"),
            seconds=10,
            limit_s=TAKEN_OVER_S,
            pairs=True,
        ),
        Drill(
            name="kill-notify",
            zh="反复杀掉两个投递服务之一",
            en="kill -9 one of two notify, twice",
            inflict=kill.service("notify"),
            seconds=10,
            limit_s=2 * TAKEN_OVER_S,
            pairs=True,
        ),
        Drill(
            name="kill-console",
            zh="反复杀掉控制台",
            en="kill -9 the console, twice",
            inflict=kill.service("console"),
            seconds=10,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="kill-orders",
            zh="反复杀掉工单服务",
            en="kill -9 orders, twice",
            inflict=kill.service("orders"),
            seconds=10,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="kill-maintain",
            zh="反复杀掉维护服务",
            en="kill -9 maintain, twice",
            inflict=kill.service("maintain"),
            seconds=10,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="kill-broker",
            zh="杀掉消息服务器",
            en="kill -9 the broker",
            inflict=kill.broker,
            seconds=4,
            limit_s=_single(4),
        ),
        Drill(
            name="kill-broker-backlog",
            zh="积压消息时杀掉消息服务器",
            en="kill -9 the broker with what nobody has fetched",
            inflict=kill.broker_with_backlog,
            seconds=8,
            limit_s=_single(8),
        ),
        Drill(
            name="kill-database",
            zh="杀掉数据库",
            en="kill -9 PostgreSQL, all processes",
            inflict=kill.database,
            seconds=4,
            limit_s=_single(4),
        ),
        Drill(
            name="stop-broker",
            zh="停止消息服务器",
            en="stop the broker",
            inflict=kill.stop_broker,
            seconds=8,
            limit_s=_single(8),
        ),
        Drill(
            name="stop-database",
            zh="停止数据库",
            en="stop PostgreSQL",
            inflict=kill.stop_database,
            seconds=20,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="stop-everything",
            zh="逐个重启所有服务",
            en="restart every service, one after the other",
            inflict=kill.stop_everything,
            seconds=20,
            limit_s=_single(0),
            pairs=True,
        ),
        Drill(
            name="freeze-ingest",
            zh="冻结接入服务",
            en="SIGSTOP ingest",
            inflict=freeze.services("ingest"),
            seconds=20,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="freeze-alerting",
            zh="冻结两个预警服务之一",
            en="SIGSTOP one of two alerting",
            inflict=freeze.services("alerting"),
            seconds=20,
            limit_s=TAKEN_OVER_S,
            pairs=True,
        ),
        Drill(
            name="freeze-dispatch",
            zh="冻结两个调度服务之一",
            en="SIGSTOP one of two dispatch",
            inflict=freeze.services("dispatch"),
            seconds=20,
            limit_s=TAKEN_OVER_S,
            pairs=True,
        ),
        Drill(
            name="freeze-notify",
            zh="冻结两个投递服务之一",
            en="SIGSTOP one of two notify",
            inflict=freeze.services("notify"),
            seconds=20,
            limit_s=2 * TAKEN_OVER_S,
            pairs=True,
        ),
        Drill(
            name="freeze-console",
            zh="冻结控制台",
            en="SIGSTOP the console",
            inflict=freeze.services("console"),
            seconds=20,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="freeze-orders",
            zh="冻结工单服务",
            en="SIGSTOP orders",
            inflict=freeze.services("orders"),
            seconds=20,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="freeze-maintain",
            zh="冻结维护服务",
            en="SIGSTOP maintain",
            inflict=freeze.services("maintain"),
            seconds=20,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="freeze-broker",
            zh="冻结消息服务器",
            en="SIGSTOP the broker",
            inflict=freeze.broker,
            seconds=15,
            limit_s=_single(15),
        ),
        Drill(
            name="freeze-database",
            zh="冻结数据库",
            en="SIGSTOP PostgreSQL, all processes",
            inflict=freeze.database,
            seconds=15,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="cut-homes",
            zh="切断住户线路",
            en="cut the homes off",
            inflict=line.trouble(line.of_homes, "cut"),
            seconds=15,
            limit_s=_single(15),
        ),
        Drill(
            name="cut-broker",
            zh="切断服务与消息服务器",
            en="cut the services off the broker",
            inflict=line.trouble(line.of_broker, "cut"),
            seconds=15,
            limit_s=_single(15),
        ),
        Drill(
            name="cut-database",
            zh="切断服务与数据库",
            en="cut the services off the database",
            inflict=line.trouble(line.of_database, "cut"),
            seconds=15,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="silent-database",
            zh="数据库线路无声",
            en="silence between services and database",
            inflict=line.trouble(line.of_database, "silent"),
            seconds=15,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="deaf-database",
            zh="数据库应答丢失",
            en="answers of the database lost",
            inflict=line.trouble(line.of_database, "deaf"),
            seconds=8,
            limit_s=_single(8),
        ),
        Drill(
            name="slow-homes",
            zh="住户线路缓慢",
            en="slow lines of the homes",
            inflict=line.slow(line.of_homes, 0.3),
            seconds=20,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="slow-database",
            zh="数据库线路缓慢",
            en="slow line of the database",
            inflict=line.slow(line.of_database, 0.02),
            seconds=20,
            limit_s=_single(0),
        ),
        Drill(
            name="fill-database",
            zh="数据库磁盘写满",
            en="the database's disk full",
            inflict=fill.database_disk,
            seconds=15,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="clock-gateway",
            zh="网关时钟超前",
            en="a gateway's clock ahead, and right again",
            inflict=clock.gateway_ahead,
            seconds=10,
            limit_s=TAKEN_OVER_S,
        ),
        Drill(
            name="certificates",
            zh="更换全部证书",
            en="all certificates renewed",
            inflict=certificate.renewed,
            seconds=5,
            limit_s=_single(5),
        ),
        Drill(
            name="restore",
            zh="从 15 秒前的备份恢复数据库",
            en="restore a backup 15 s old",
            inflict=restore.from_a_backup,
            seconds=15,
            limit_s=_single(75),
        ),
        Drill(
            name="fail-over",
            zh="主库损毁，备库接管",
            en="the primary dies, the synchronous standby takes over",
            inflict=restore.fail_over,
            seconds=0,
            limit_s=_single(3),
            standby=True,
        ),
        Drill(
            name="upgrade",
            zh="从旧版本升级、退回、再升级",
            en="upgrade from the oldest release, back, and forth again",
            inflict=upgrade.forth_back_and_forth,
            seconds=75,
            limit_s=3 * _single(0),  # an alert may meet the change of three services that stand alone
            place=OldRelease,
        ),
    )
}
"""By name, in the order of the report."""
