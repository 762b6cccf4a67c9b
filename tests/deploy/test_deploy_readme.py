"""The guide deploy/README.md, followed word by word on a scratch machine until an SOS has reached a telephone."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerting.detection.detectors.calls import CALLS
from shouwang.brokers.local import mosquitto_binary
from tests.support.scratch_machine import HOW, ScratchMachine, prepare, scratch_machine
from tests.support.services import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
GUIDE = REPOSITORY / "deploy" / "README.md"
SMS_PORT = 8999


def steps(text: str) -> str:
    """The shell blocks of the guide's part "One machine, step by step"."""
    part = text.split("## One machine, step by step")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"^```sh$(.*?)^```$", part, re.MULTILINE | re.DOTALL))


def step(number: int) -> str:
    """The text of one step."""
    return GUIDE.read_text().split(f"\n### {number}. ")[1].split("\n### ")[0]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchMachine]:
    """A machine on which the guide has been followed."""
    if mosquitto_binary() is None or shutil.which("pg_ctlcluster") is None:
        pytest.skip("the guide is for Debian: apt-get install mosquitto postgresql")
    with scratch_machine(tmp_path_factory.mktemp("scratch")) as found:
        if found is None:
            pytest.skip(HOW)
        prepare(found)
        if not shutil.which("nginx"):
            found.stand_in("nginx", "#!/bin/sh\nexit 0\n")
        source = found.shared / "repository"
        files = subprocess.run(
            ["git", "ls-files", "-coz", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, check=True
        ).stdout
        for name in filter(None, files.decode().split("\0")):
            if (REPOSITORY / name).exists():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, source / name)
        for words in (["init", "-q", "."], ["add", "-A"], ["commit", "-q", "-m", "a copy"]):
            identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
            subprocess.run(["git", *identity, *words], cwd=source, check=True)
        found.run(
            "echo '127.0.0.1 localhost broker.example.org care.example.org sms.example.org' > /etc/hosts\n"
            f"git config --global --add safe.directory '*'\n"
            f"nohup /usr/bin/python3 {found.shared}/stand_ins/receiver.py {SMS_PORT} {found.shared}/sms.jsonl"
            " > /dev/null 2>&1 &"
        )
        text = steps(GUIDE.read_text())
        log = found.shared / "guide.log"
        found.run(
            f"exec > {log} 2>&1; set -x\n{text}",
            {
                "REPOSITORY": str(source),
                "SMS_URL": f"http://sms.example.org:{SMS_PORT}/v1/messages",
                "SMS_TOKEN": "Bearer s3",
            },
            log=log,
        )
        yield found


def troubles(machine: ScratchMachine) -> str:
    """The end of the guide's output, and of every service's log."""
    return (machine.shared / "guide.log").read_text()[-3000:] + machine.run("tail -n 20 /run/stand-in/*.log")


def test_an_sos_has_reached_the_telephone(machine: ScratchMachine) -> None:
    file = machine.shared / "sms.jsonl"
    wait_for(lambda: "13800000001" in file.read_text(), 30, lambda: troubles(machine))
    first = json.loads(file.read_text().splitlines()[0])
    assert first["headers"]["Authorization"] == "Bearer s3"
    assert "https://care.example.org/a/" in first["body"]["content"]


def test_the_console_answers_behind_the_proxy_and_nothing_is_logged_there(machine: ScratchMachine) -> None:
    fetch = "curl -sk --max-time 10 -o /dev/null -w '%{http_code} %{redirect_url}\\n'"
    said = machine.run(
        f"{fetch} https://care.example.org/login; {fetch} http://care.example.org/a/secret; {fetch} -k https://care.example.org/a/key"
    ).splitlines()
    assert said[0].startswith("200")
    assert said[1] == "301 https://care.example.org/"
    assert machine.run("cat /var/log/nginx/*.log 2>/dev/null || true").count("/a/") == 0
    if shutil.which("nginx"):
        assert "strict-transport-security" in machine.run("curl -skI https://care.example.org/login").lower()


def test_what_a_service_does_not_need_it_can_not_read(machine: ScratchMachine) -> None:
    keys = "/etc/shouwang/keys"
    for user, file in (
        ("shouwang-ingest", f"{keys}/medical.keys"),
        ("shouwang-notify", f"{keys}/medical.keys"),
        ("shouwang-alerting", f"{keys}/link.key"),
        ("shouwang-console", "/etc/shouwang/tls/svc-ingest.key"),
        ("shouwang-console", f"{keys}/command-alerting.key"),
        ("shouwang-ingest", f"{keys}/command-console.key"),
        ("shouwang-dispatch", "/etc/shouwang/notify.env"),
        ("shouwang-console", "/etc/shouwang/pki/ca.key"),
        ("shouwang-notify", "/var/lib/shouwang/alerting-0"),
    ):
        machine.run(f"! runuser -u {user} -- ls {file}/ 2>/dev/null && ! runuser -u {user} -- cat {file} 2>/dev/null")
    machine.run(f"runuser -u shouwang-console -- cat {keys}/medical.keys > /dev/null")


SAID = {
    "nothing": [],
    "key that all can read": [("files", "svc-ingest.key")],
    "key of another owner": [("files", "svc-alerting.key")],
    "key that is gone": [("files", "svc-console.key"), ("broker as svc-console", "svc-console.key")],
    "no client certificate": [("broker as svc-console", "gone.crt")],
    "expired certificate": [("broker as svc-ingest", "expired")],
    "key of another identity": [("broker as svc-ingest", "do not belong together")],
    "broker down": [("broker as svc-ingest", "cannot be reached"), ("broker as svc-console", "cannot be reached")],
    "right taken away": [("broker as svc-console", "")],
    "database read only": [("database takes writes", "read-only")],
    "database's disk full": [("database takes writes", "No space left on device")],
    "broker's disk, open files and store": [
        ("disk of /var/lib/mosquitto", "FULL"),
        ("broker's open files", "LimitNOFILE"),
        ("lists of the brokers", "services that do not fetch"),
    ],
    "wrong password": [("database", "password")],
    "unverified database": [("database connection", "sslmode")],
    "ingest killed": [("service ingest@0", "does not answer")],
    "issuer killed": [("service issuer", "does not answer")],
    "lists killed": [
        ("service lists-mosquitto", "does not answer"),
        ("lists of the brokers", "a revoked gateway stays in"),
    ],
    "notify nowhere": [("service notify", "no message leaves")],
    "no dispatch": [("ladders", "nobody is called")],
    "no roster": [("roster", "hole")],
    "no channel's secret": [("channels", "SHOUWANG_SMS_TOKEN")],
    "old backup": [("backup of keys and files", "old")],
    "failed backup": [("backup of keys and files", "shouwang-backup")],
}
"""By what is broken: the rows that have to say so, and a word of each."""


SLOW = ("path", "messages")
"""Rows that are right on a machine so busy that its path is not proved within 70 s: it tells so, by numbers too that
take no SMS."""


def test_the_doctor_sees_whatever_is_broken(machine: ScratchMachine) -> None:
    said = machine.run(f"cd /opt/shouwang && .venv/bin/python {machine.shared}/stand_ins/break_it.py | tail -n 1")
    rows: dict[str, list[list[str]]] = json.loads(said.splitlines()[-1])
    assert rows.keys() == SAID.keys()
    missing = [
        (broken, what, word, rows[broken])
        for broken, expected in SAID.items()
        for what, word in expected
        if not any(row[0] == what and word in row[1] for row in rows[broken])
    ]
    assert not missing
    assert [row for row in rows["nothing"] if row[0] not in SLOW] == []


def test_the_doctors_status_and_its_json(machine: ScratchMachine) -> None:
    rows = json.loads(machine.run("shouwang doctor --json || true").splitlines()[-1])
    assert {"what", "good", "text"} <= rows[0].keys()
    machine.run("chmod 644 /etc/shouwang/tls/svc-ingest.key; ! shouwang doctor > /dev/null; shouwang setup > /dev/null")
    assert "0600" not in machine.run("stat -c %a /etc/shouwang/tls/svc-ingest.key")
    assert machine.run("stat -c '%a %U' /etc/shouwang/tls/svc-ingest.key").strip() == "600 shouwang-ingest"


def test_a_backup_was_made_that_its_key_opens(machine: ScratchMachine) -> None:
    machine.run(
        "shouwang backup open /var/backups/shouwang/*.age --to /root/opened"
        " --identity /etc/shouwang/keys/backup.identity\n"
        "cmp /root/opened/medical_keys/medical.keys /etc/shouwang/keys/medical.keys\n"
        "[ $(stat -c %a /etc/shouwang/keys/backup.identity) = 600 ]; rm -r /root/opened"
    )
    rows = {row["what"]: row for row in json.loads(machine.run("shouwang doctor --json || true").splitlines()[-1])}
    assert rows["backup of keys and files"] == {**rows["backup of keys and files"], "good": True, "warning": False}
    assert rows["key of the backups"]["warning"], "it still lies here"


def test_step_five_may_be_followed_again(machine: ScratchMachine) -> None:
    (again,) = re.findall(r"^```sh$(.*?first-admin.*?)^```$", step(5), re.MULTILINE | re.DOTALL)
    assert "the password stays as it is" in machine.run(f"cd /opt/shouwang\n{again}")


def test_an_sos_reaches_the_telephone_while_the_database_is_away(machine: ScratchMachine) -> None:
    file = machine.shared / "sms.jsonl"

    def ask(what: str) -> str:
        sql = (
            f"SELECT {what} FROM alert a JOIN household h ON h.id = a.household_id WHERE rule = 'sos' AND NOT synthetic"
        )
        return machine.run(f'cd / && runuser -u postgres -- psql -d shouwang -tAc "{sql}"').strip()

    def called() -> list[str]:
        found = (json.loads(line)["body"] for line in file.read_text().splitlines())
        return [body["to"] for body in found if "按了呼叫按钮" in body["content"]]

    def words() -> str:
        log = machine.run("grep -hv database /run/stand-in/shouwang-alerting@*.log | tail -n 30")
        return log + machine.run(f"tail -n 5 {machine.shared}/edge.log 2>/dev/null || true")

    wait_for(
        lambda: ask(f"max(raised_at) < now() - interval '{CALLS['sos_pressed'].again_s + 2} s'") == "t", 140, words
    )
    told, before = len(called()), int(ask("count(*)"))
    machine.run("systemctl stop postgresql")
    try:
        machine.run(
            "rm -r /tmp/shouwang-trial\n"
            f"nohup shouwang edge --config /tmp/shouwang-trial.toml > {machine.shared}/edge.log 2>&1 &\n"
            "echo $! > /tmp/edge.pid"
        )
        wait_for(lambda: "13800000001" in called()[told:], 150, words)  # its end alone: all services retry at once
    finally:
        machine.run("systemctl start postgresql")
    wait_for(lambda: int(ask("count(*)")) == before + 1, 60, words)
    machine.run("kill $(cat /tmp/edge.pid)")
