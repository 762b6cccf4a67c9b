"""Rows of what surrounds the processes: disks, clocks, certificates, backups, releases."""

from functools import partial

from shouwang.drills.apart import HomesApart
from shouwang.drills.faults import certificate, clock, fill, restore, upgrade
from shouwang.drills.old_release import OldRelease
from shouwang.drills.places import Renewing, WrongClocks
from shouwang.drills.rows.row import GAP_S, TAKEN_OVER_S, Drill, single

SURROUNDINGS = (
    Drill(
        name="fill-database",
        zh="数据库磁盘写满",
        en="the database's disk full",
        inflict=fill.database_disk,
        seconds=15,
        limit_s=TAKEN_OVER_S,
    ),
    Drill(
        name="fill-gateways",
        zh="网关磁盘写满，其间断线",
        en="the gateways' disk full, and the line cut meanwhile",
        inflict=fill.gateway_disk,
        seconds=24,
        limit_s=single(8),
        load=HomesApart,
    ),
    Drill(
        name="clock-gateway",
        zh="网关时钟先快后慢",
        en="a gateway's clock ahead, then behind, and right again",
        inflict=clock.gateway_wrong,
        seconds=20,
        limit_s=TAKEN_OVER_S,
    ),
    Drill(
        name="clock-ingest",
        zh="接入主机时钟错误",
        en="ingest's host 2 h 25 ahead, then behind",
        inflict=clock.hosts_wrong,
        seconds=30,
        limit_s=TAKEN_OVER_S,
        place=partial(WrongClocks, wrong=("ingest",)),
    ),
    Drill(
        name="clock-alerting",
        zh="预警主机时钟错误",
        en="alerting's host 2 h 25 ahead, then behind",
        inflict=clock.hosts_wrong,
        seconds=30,
        limit_s=TAKEN_OVER_S,
        place=partial(WrongClocks, wrong=("alerting",)),
    ),
    Drill(
        name="clock-others",
        zh="调度、投递、工单、控制台主机时钟错误",
        en="the hosts of all others 2 h 25 ahead, then behind",
        inflict=clock.hosts_wrong,
        seconds=30,
        limit_s=TAKEN_OVER_S,
        place=partial(WrongClocks, wrong=("dispatch", "notify", "orders", "maintain", "console")),
    ),
    Drill(
        name="certificates",
        zh="更换全部证书",
        en="all certificates renewed",
        inflict=certificate.renewed,
        seconds=5,
        limit_s=single(5),
    ),
    Drill(
        name="expire-services",
        zh="服务证书过期",
        en="certificates of ingest, alerting and console expire, and are renewed",
        inflict=certificate.services_expired,
        seconds=15,
        press_s=5,
        limit_s=single(15),
    ),
    Drill(
        name="expire-gateways",
        zh="网关证书过期",
        en="certificates of the gateways expire, and are renewed",
        inflict=certificate.gateways_expired,
        seconds=15,
        press_s=2,
        limit_s=single(15),
    ),
    Drill(
        name="expire-broker",
        zh="消息服务器证书过期",
        en="the broker's certificate expires, and is renewed",
        inflict=certificate.broker_expired,
        seconds=15,
        limit_s=single(15),
    ),
    Drill(
        name="renew-gateway",
        zh="网关自行更换证书",
        en="a gateway renews its certificate by itself before the old one expires",
        inflict=certificate.renewed_by_itself,
        seconds=90,
        limit_s=TAKEN_OVER_S,
        place=Renewing,
        press_s=4,
    ),
    Drill(
        name="restore",
        zh="从 15 秒前的备份恢复数据库",
        en="restore a backup 15 s old",
        inflict=restore.from_a_backup,
        seconds=15,
        limit_s=single(GAP_S),
    ),
    Drill(
        name="fail-over",
        zh="主库损毁，备库接管",
        en="the primary dies, the synchronous standby takes over",
        inflict=restore.fail_over,
        seconds=0,
        limit_s=single(3),
        standby=True,
    ),
    Drill(
        name="upgrade",
        zh="从旧版本升级、退回、再升级",
        en="upgrade from the oldest release, back, and forth again",
        inflict=upgrade.forth_back_and_forth,
        seconds=75,
        limit_s=3 * single(0),  # an alert may meet the change of three services that stand alone
        place=OldRelease,
    ),
)
