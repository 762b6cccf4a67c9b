"""Made-up documents with read confirmations, courses, tests and certificates for the demonstration."""

import datetime as dt
import hashlib
import io
import zipfile
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from care_services.library.courses import keeping
from care_services.library.courses.certificates import ALPHABET, CODE_LENGTH
from care_services.library.courses.course import Course
from care_services.library.courses.testing import draw, expires_on, mark
from care_services.library.documents.searching import keep_missing
from vocabulary.times import SHANGHAI

_FALL_1 = """
# 目的

规范跌倒预警的处置，缩短老人倒地时间。

# 步骤

1. 接警后 1 分钟内与老人通话；无应答视为未解除。
2. 3 分钟内派出最近的护理员。
3. 到达后先评估，不急于搬动。
4. 办结时如实填写原因与受伤情况。
"""
_FALL_2 = """
# 目的

规范跌倒预警的处置，缩短老人倒地时间。

# 步骤

1. 接警后 1 分钟内与老人通话；无应答视为未解除，立即派人。
2. 2 分钟内派出最近的护理员；同时通知已同意的家属。
3. 到达后先评估，不急于搬动；服用抗凝药且撞到头的一律送医。
4. 办结时如实填写原因与受伤情况。
5. 倒地超过 1 小时的，次日由护士回访。
"""
_HYGIENE = """
# 上门服务手卫生规程

接触老人前后、进食前后、清洁操作后洗手，时间不少于 20 秒。

| 情形 | 做法 |
| --- | --- |
| 手上有可见污物 | 流动水与洗手液 |
| 无可见污物 | 速干手消毒剂 |
| 接触呕吐物、排泄物 | 戴手套，脱后洗手 |
"""
_PRIVACY = """
# 老人信息保护须知

- 只看自己照护的老人；每次查看都有记录。
- 病情、住址、门锁密码不发群、不截图。
- 老人或家属要求停止某项使用的，当天告诉站点登记。
"""
_ASSESSMENT = """
# 依据

GB/T 42195-2022《老年人能力评估规范》。

# 要点

- 两名评估员到场，26 项逐项提问与观察。
- 评估前 30 天的跌倒、走失记录由平台提供，仍须向老人和家属核实。
- 等级变更须说明理由。
"""
_DEVICES = """
# 设备安装与验收指引

1. 雷达离床面 1.5 至 2 米，正对床中部，不装在风扇、窗帘旁。
2. 床垫带放在胸部位置，走线离开老人的脚。
3. 求助按钮装在床头与马桶旁，坐着、躺着都够得到。
4. 装完当面按一次按钮、躺一次床，页面显示收到才算验收。
"""
_Words = tuple[str, ...]
_DOCUMENTS: tuple[tuple[str, str, str, str, _Words, _Words, tuple[tuple[int, str, str], ...]], ...] = (
    ("fall-response", "procedure", "跌倒预警处置规程", "Procedure for alerts of falls",
     ("dispatcher", "lead", "manager", "station", "carer"), ("falls", "calls"),
     ((210, _FALL_1, ""), (12, _FALL_2, "派人时限改为 2 分钟；抗凝药送医；次日回访"))),
    ("hand-hygiene", "procedure", "上门服务手卫生规程", "Hand hygiene on visits", ("station", "carer"),
     ("meals", "visits"),
     ((150, _HYGIENE, ""),)),
    ("residents-data", "guide", "老人信息保护须知", "Protecting residents' data",
     ("admin", "dispatcher", "lead", "manager", "station", "carer"), ("privacy",), ((95, _PRIVACY, ""),)),
    ("ability-assessment", "standard", "老年人能力评估要点", "Ability assessment in short", ("manager", "station"),
     ("visits",), ((60, _ASSESSMENT, ""),)),
    ("fitting-devices", "guide", "设备安装与验收指引", "Fitting devices, and accepting them", ("station", "carer"),
     ("falls", "sleep", "platform"), ((30, _DEVICES, ""),
     (-14, _DEVICES + "5. 填写安装照片与位置。\n", "增加安装照片"))),
)  # fmt: skip
"""Code, kind, titles, readers, topics, and versions: days ago, text, what is new."""
_WORD = {
    "hand-hygiene": ("手卫生自查表.docx", (
        "上门服务手卫生自查表", "一、进门前：速干手消毒剂揉搓 20 秒。", "二、做饭喂饭前：流动水与洗手液。",
        "三、处理呕吐物、排泄物：戴手套，脱后洗手。", "四、离开前再洗一次，并在服务记录上打勾。",
    )),
}  # fmt: skip
"""Files of documents: name and paragraphs."""
_SPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def _word(paragraphs: tuple[str, ...]) -> bytes:
    """A Word file as small as one can be, the same at every time."""
    held = io.BytesIO()
    body = "".join(f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>" for words in paragraphs)
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{relation}"'
        ' Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{_SPACE}"><w:body>{body}</w:body></w:document>',
    }
    with zipfile.ZipFile(held, "w") as packed:
        for name, xml in parts.items():
            packed.writestr(zipfile.ZipInfo(name), '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + xml)
    return held.getvalue()


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Add the documents and courses that are not there, and a past of those who read, tried and passed; once."""
    keeping.add_built_in(conn, now)
    area = conn.execute("SELECT path::text FROM area WHERE level = 'district' ORDER BY path LIMIT 1").fetchone()
    if area is None:
        return
    if conn.execute("SELECT FROM library_document LIMIT 1").fetchone() is None:
        _documents(conn, area[0], now)
    while keep_missing(conn, now):
        pass
    if conn.execute("SELECT FROM course_attempt LIMIT 1").fetchone() is None:
        _tests(conn, now)


def _documents(conn: Connection[Any], area: str, now: dt.datetime) -> None:
    today = now.astimezone(SHANGHAI).date()
    for code, kind, zh, en, roles, topics, versions in _DOCUMENTS:
        row = conn.execute(
            "INSERT INTO library_document (code, kind, title_zh, title_en, area, roles, topics, made_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (code, kind, zh, en, area, list(roles), list(topics), now - dt.timedelta(days=versions[0][0])),
        ).fetchone()
        assert row is not None  # noqa: S101 - RETURNING
        for number, (ago, text, note) in enumerate(versions, 1):
            since = today - dt.timedelta(days=ago)
            name, lines = _WORD.get(code, ("", ()))
            file = _word(lines) if lines else None
            made = conn.execute(
                "INSERT INTO library_version (document_id, number, valid_from, text, sha256, note, made_at,"
                " actor, file, file_name) VALUES (%s, %s, %s, %s, %s, %s, %s, '区民政局', %s, %s) RETURNING id",
                (row[0], number, since, text.strip(), hashlib.sha256(file or text.strip().encode()).digest(), note,
                 min(now, now - dt.timedelta(days=ago + 2)), file, name),
            ).fetchone()  # fmt: skip
            assert made is not None  # noqa: S101 - RETURNING
            if ago > 0:
                # of the newest version some have not confirmed yet
                conn.execute(
                    "INSERT INTO library_read (version_id, account_id, at)"
                    " SELECT %(version)s, id, %(since)s + make_interval(days => (id %% 6), hours => 9 + id %% 8)"
                    " FROM account WHERE active AND role = ANY (%(roles)s) AND id %% %(part)s <> 0"
                    " ON CONFLICT DO NOTHING",
                    {"version": made[0], "since": now - dt.timedelta(days=ago), "roles": list(roles),
                     "part": 2 if number == len(versions) and ago < 40 else 7},
                )  # fmt: skip
        conn.execute(
            "INSERT INTO library_change (document_id, at, actor, what) VALUES (%s, %s, '区民政局', 'add')",
            (row[0], now - dt.timedelta(days=versions[0][0])),
        )


def _tests(conn: Connection[Any], now: dt.datetime) -> None:
    accounts = conn.execute(
        "SELECT a.id, a.role, a.name_zh, a.name_en, s.id, s.name_zh, s.name_en FROM account a"
        " LEFT JOIN staff s ON s.account_id = a.id AND s.active WHERE a.active AND a.role NOT IN ('machine', 'auditor')"
        " ORDER BY a.id LIMIT 60"
    ).fetchall()
    courses = conn.execute(
        "SELECT c.id, v.id, v.content FROM course c JOIN course_version v ON v.course_id = c.id ORDER BY c.code"
    ).fetchall()
    for place, (account, role, name_zh, name_en, staff, staff_zh, staff_en) in enumerate(accounts):
        for number, (course_id, version_id, content) in enumerate(courses):
            course = msgspec.convert(content, Course)
            sort = (place * 5 + number * 3) % 7
            if not course.open_to(role) or sort > 3:
                continue
            begun = now - dt.timedelta(days=3 + (place * 17 + number * 29) % 300, hours=number)
            tests = [False, True] if sort == 1 else [sort != 3]
            for again, good in enumerate(tests):
                _test(
                    conn, course, (course_id, version_id, account, staff), begun + dt.timedelta(days=again), good,
                    (staff_zh or name_zh, staff_en or name_en),
                )  # fmt: skip


def _test(
    conn: Connection[Any], course: Course, keys: tuple[int, int, int, int | None], begun: dt.datetime, good: bool,
    names: tuple[str, str],
) -> None:  # fmt: skip
    course_id, version_id, account, staff = keys
    drawn = draw(course, account * 1000 + course_id)
    answers = {
        one.question: course.question[one.question].right if good or place % 2 else [one.options[0]]
        for place, one in enumerate(drawn)
    }
    marked = mark(course, drawn, answers)
    done = begun + dt.timedelta(minutes=9)
    row = conn.execute(
        "INSERT INTO course_attempt (course_id, version_id, account_id, begun_at, ends_at, drawn, submitted_at,"
        " answers, asked, correct, passed) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (course_id, version_id, account, begun, begun + dt.timedelta(minutes=course.test_minutes),
         Jsonb(msgspec.to_builtins(drawn)), done, Jsonb({str(key): value for key, value in answers.items()}),
         marked.asked, marked.correct, marked.passed),
    ).fetchone()  # fmt: skip
    assert row is not None  # noqa: S101 - RETURNING
    if not marked.passed:
        return
    day = done.astimezone(SHANGHAI).date()
    mixed = hashlib.sha256(f"demo {account} {course.code} {row[0]}".encode()).digest()
    code = "".join(ALPHABET[byte % len(ALPHABET)] for byte in mixed[:CODE_LENGTH])
    made = conn.execute(
        "INSERT INTO course_certificate (number, check_code, course_id, attempt_id, account_id, staff_id, name_zh,"
        " name_en, title_zh, title_en, issued_on, expires_on)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (f"SW{day:%Y}-{row[0]:06d}", code, course_id, row[0], account, staff, *names, course.zh, course.en, day,
         expires_on(course, day)),
    ).fetchone()  # fmt: skip
    assert made is not None  # noqa: S101 - RETURNING
    if course.gives and staff:
        conn.execute(
            "INSERT INTO course_approval (certificate_id, staff_id, kind, asked_at) VALUES (%s, %s, %s, %s)",
            (made[0], staff, course.gives, done),
        )
