"""False alarms of those that somebody judged, by rule, device model and home, with their intervals."""

from typing import Any

from psycopg import Connection

from figures.core.sections import Bar, BarPicture, Column, Headline, Section, Table
from figures.core.shares import FEW, Share
from figures.reading import cells
from figures.reading.alarms import counts, no_months, rule_names
from figures.reading.scope import Window
from firmware_profiles.devices import MODELS

MOST_HOMES = 10


def false_alarms(conn: Connection[Any], w: Window) -> Section:
    """False alarms of those that somebody judged, by rule, device model and home."""
    names = rule_names(conn, w)
    rules, models = counts(conn, w, "rule"), counts(conn, w, "model")
    whole = _judged({e: sum(one.get(e, 0) for one in rules.values()) for e in ("true", "false")})
    by_rule = [(names.get(rule, rule), {"rule": rule}, ended) for rule, ended in rules.items()]
    by_model = [(model_name(w, model), {"model": model}, ended) for model, ended in models.items() if model]
    tables = [
        _false_table(w, w.say("按预警种类", "by kind of alert"), w.say("种类", "kind"), by_rule),
        _false_table(w, w.say("按设备型号", "by device model"), w.say("型号", "model"), by_model),
    ]
    if "homes" in w.lists:  # which home it is, is for those who may see homes
        tables.append(
            _false_table(
                w,
                w.say("误报最多的住户", "homes with the most false alarms"),
                w.say("住户", "home"),
                _homes(conn, w),
                private=True,
            )
        )
    unjudged = sum(n for one in rules.values() for ending, n in one.items() if ending not in ("true", "false"))
    low, high = whole.interval or (0.0, 0.0)
    sentence = (
        no_months(w)
        if not w.known
        else w.say("没有登记过属实或误报的预警。", "No alert was judged true or false.")
        if not whole.whole
        else w.say(
            f"登记了结果的 {whole.whole:,} 次预警中 {whole.part:,} 次为误报（{cells.per_cent(whole.value)}，95% 区间"
            f" {100 * low:.0f}–{100 * high:.0f}%）；另有 {unjudged:,} 次没有判定属实或误报，不计入。",
            f"Of {whole.whole:,} alerts that were judged {whole.part:,} were false ({cells.per_cent(whole.value)},"
            f" 95 % interval {100 * low:.0f}–{100 * high:.0f} %); {unjudged:,} more were judged neither, and do not"
            " count.",
        )
    )
    title = w.say("误报", "False alarms")
    bars = []
    for name, _, ended in by_rule[:12]:
        one = _judged(ended)
        if one.whole:
            ends = one.interval or (0.0, 0.0)
            shown = f"{cells.per_cent(one.value, 0)} · n={one.whole:,}"
            bars.append(Bar(name, one.value, shown, *ends, few=one.few))
    return Section(
        code="false",
        title=title,
        sentence=sentence,
        pictures=(
            BarPicture(
                w.say("误报占比及其 95% 区间", "share of false alarms, with its 95 % interval"),
                sentence,
                tuple(bars),
                1.0,
            ),
        )
        if bars
        else (),
        tables=tuple(table for table in tables if table.rows),
        headlines=(
            Headline(
                w.say("误报占比", "share of false alarms"),
                cells.per_cent(whole.value),
                whole.value,
                w.link("alerts", ending="judged") if whole.whole else "",
            ),
        ),
        how=(
            w.say(
                "误报占比＝判定为误报÷（属实＋误报）；测试、自动解除、取消、未登记结果的不计入分母。区间按 Wilson（"
                f"1927）。n 小于 {FEW} 的以灰色显示：次数太少，不宜比较。设备按预警所依据的设备型号；依据多个设备的"
                "预警不归入型号。",
                "Share of false alarms: judged false, by judged true or false; tests, those that ended by"
                " themselves or were taken back, and those without an outcome do not count. Intervals: Wilson"
                f" (1927). Below n = {FEW} a line is grey: too few to compare. The model is that of the device an"
                " alert is about; of several devices it has none.",
            ),
        ),
    )


def _judged(ended: dict[str, int]) -> Share:
    wrong = ended.get("false", 0)
    return Share(wrong, wrong + ended.get("true", 0))


def _false_table(
    w: Window,
    caption: str,
    head: str,
    found: list[tuple[str, dict[str, str], dict[str, int]]],
    *,
    private: bool = False,
) -> Table:
    rows = []
    for name, only, ended in found:
        one = _judged(ended)
        total = sum(ended.values())
        words = w.say("次数太少，不宜比较", "too few to compare") if one.few else ""
        words = words if one.whole else w.say("没有判定过", "none was judged")
        rows.append(
            (
                cells.text(name),
                cells.count(total, w.link("alerts", **only)),
                cells.count(one.whole, w.link("alerts", **only, ending="judged")),
                cells.count(one.part, w.link("alerts", **only, ending="false")),
                cells.share(one, w.link("alerts", **only, ending="judged")),
                cells.interval(one),
                cells.text(words),
            )
        )
    columns = (
        (head, False),
        (w.say("预警", "alerts"), True),
        (w.say("已判定 n", "judged, n"), True),
        (w.say("误报", "false"), True),
        (w.say("占比", "share"), True),
        (w.say("95% 区间", "95 % interval"), True),
        (w.say("说明", "note"), False),
    )
    return Table(caption, tuple(Column(*one) for one in columns), tuple(rows), private=private)


def _homes(conn: Connection[Any], w: Window) -> list[tuple[str, dict[str, str], dict[str, int]]]:
    rows = conn.execute(
        """
        SELECT h.code, a.name_zh, a.name_en, (
            SELECT jsonb_object_agg(ending, n) FROM (
                SELECT ending, count(*) AS n FROM figure_alert
                WHERE household_id = h.id AND month BETWEEN %(first)s AND %(last)s GROUP BY ending) e)
        FROM (SELECT f.household_id, count(*) AS wrong FROM figure_alert f JOIN area leaf ON leaf.id = f.area_id
              JOIN area top ON top.id = %(area)s AND leaf.path <@ top.path
              WHERE f.month BETWEEN %(first)s AND %(last)s AND f.ending = 'false'
              GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(most)s) f
        JOIN household h ON h.id = f.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
        ORDER BY f.wrong DESC, h.code
        """,
        {**w.asked, "most": MOST_HOMES},
    )
    return [(f"{w.say(zh, en)} {code}", {"home": code}, ended) for code, zh, en, ended in rows]


def model_name(w: Window, model: str) -> str:
    """A device model in words."""
    if model == "gateway":
        return w.say("家庭网关", "home gateway")
    return w.say(MODELS[model].zh, MODELS[model].label_en) if model in MODELS else model
