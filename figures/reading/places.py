"""Coverage by centers and stations, and beds and watched residents by ability grade, as the registry has them."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.catalogues.ability import GRADES
from figures.core import months
from figures.core.sections import Bar, BarPicture, Cell, Column, Headline, Section, Stack, StackPicture, Table
from figures.core.shares import Share
from figures.reading import cells
from figures.reading.scope import Window

KINDS = {
    "street": ("街道长者服务中心", "street elder center"),
    "community": ("社区长者服务站", "community elder station"),
}
WHERE = {"street": ("街道", "streets"), "community": ("社区", "communities")}
KNOWN = ("情况已知", "known")
WATCHED = {"watched": ("有守护", "watched"), "unknown": ("情况不明", "not known"), "blind": ("无守护", "not watched")}


def registry_month(w: Window) -> dt.date | None:
    """The newest month of the window in which the registry was counted."""
    return max((month for month in w.known if w.counted[month].registry_at is not None), default=None)


def coverage(conn: Connection[Any], w: Window) -> Section:
    """Streets and communities with and without their center or station, and the homes that lie there."""
    month = registry_month(w)
    rows = conn.execute(
        """
        SELECT p.kind, p.served, count(*), sum(p.homes)::int FROM figure_place p JOIN area a ON a.id = p.area_id
        JOIN area top ON top.id = %(area)s AND a.path <@ top.path WHERE p.month = %(month)s GROUP BY 1, 2
        """,
        {"area": w.area.id, "month": month},
    ).fetchall()
    found = {(kind, served): (n, homes) for kind, served, n, homes in rows}
    lines, bars, words, heads = [], [], [], []
    for kind, names in KINDS.items():
        having, homes = found.get((kind, True), (0, 0))
        without, bare = found.get((kind, False), (0, 0))
        if having + without == 0:
            continue
        share = Share(having, having + without)
        lines.append(
            (
                cells.text(w.say(*names)),
                *_place_cells(w, month, kind, having, without),
                cells.part(share, w.link("places", kind=kind, month=months.code(month)) if month else ""),
                *(
                    cells.count(n, w.link("households", kind=kind, served=served, month=months.code(month)))
                    if month
                    else cells.count(n)
                    for n, served in ((homes, "1"), (bare, "0"))
                ),
            )
        )
        label = w.say(f"{WHERE[kind][0]}（{names[0]}）", f"{WHERE[kind][1]} with a {names[1]}")
        shown = f"{having}/{having + without}"
        bars.append(Bar(w.say(*WHERE[kind]), share.value, shown))
        to = w.link("places", kind=kind, month=months.code(month)) if month else ""
        heads.append(Headline(label, shown, share.value, to))
        words.append(
            w.say(
                f"{having + without} 个{WHERE[kind][0]}中 {having} 个有{names[0]}，{bare:,} 户所在{WHERE[kind][0]}没有",
                f"{having} of {having + without} {WHERE[kind][1]} have a {names[1]}; {bare:,} homes lie where there"
                " is none",
            )
        )
    sentence = w.say("；".join(words) + "。", "; ".join(words) + ".") if words else _no_registry(w)
    title = w.say("服务覆盖", "Coverage")
    return Section(
        code="coverage",
        title=title,
        sentence=sentence,
        headlines=tuple(heads),
        pictures=(BarPicture(title, sentence, tuple(bars), 1.0),) if bars else (),
        tables=()
        if not lines
        else (
            Table(
                _as_of(w, month),
                (
                    Column(w.say("机构", "Place"), False),
                    Column(w.say("有", "with one")),
                    Column(w.say("没有", "without")),
                    Column(w.say("覆盖率", "covered")),
                    Column(w.say("覆盖户数", "homes where there is one")),
                    Column(w.say("未覆盖户数", "homes where there is none")),
                ),
                tuple(lines),
            ),
        ),
        how=(
            w.say(
                "街道有启用的街道长者服务中心、社区有启用的社区长者服务站即为覆盖；户数按有老人居住的住户计。",
                "A street is covered by an active street elder center, a community by an active community elder"
                " station; homes are those in which a resident is registered.",
            ),
            _registry_words(w),
        ),
    )


def _place_cells(w: Window, month: dt.date | None, kind: str, having: int, without: int) -> tuple[Cell, Cell]:
    at = {"month": months.code(month)} if month else {}
    return (
        cells.count(having, w.link("places", kind=kind, served="1", **at)),
        cells.count(without, w.link("places", kind=kind, served="0", **at)),
    )


def people(conn: Connection[Any], w: Window) -> Section:
    """Registered residents by ability grade: with a home care bed, watched, not watched, not known."""
    month = registry_month(w)
    rows = conn.execute(
        "SELECT grade, residents, watched, unknown, beds, beds_watched, beds_unknown FROM figure_people WHERE"
        " area_id = %(area)s AND month = %(month)s",
        {"area": w.area.id, "month": month},
    ).fetchall()
    by_grade = {row[0]: row[1:] for row in rows}
    order = [grade for grade in (*GRADES, "") if grade in by_grade]
    at = {"month": months.code(month)} if month else {}
    total = tuple(sum(by_grade[grade][place] for grade in order) for place in range(6))
    lines, stacks = [], []
    for grade in [*order, None]:
        n, watched, unknown, beds, beds_watched, beds_unknown = total if grade is None else by_grade[grade]
        only = {} if grade is None else {"grade": grade or "none"}

        def to(only: dict[str, str] = only, **more: str) -> str:
            return w.link("people", **only, **more, **at)

        name = w.say("合计", "all") if grade is None else grade_name(w, grade)
        lines.append(
            (
                cells.text(name),
                cells.count(n, to()),
                cells.count(watched, to(watched="watched")),
                cells.part(Share(watched, n - unknown), to(watched="known")),
                cells.count(unknown, to(watched="unknown")),
                cells.count(n - watched - unknown, to(watched="blind")),
                cells.count(beds, to(bed="1")),
                cells.count(beds_watched, to(bed="1", watched="watched")),
                cells.count(beds_unknown, to(bed="1", watched="unknown")),
            )
        )
        if grade is not None:
            stacks.append(Stack(name, (watched, unknown, n - watched - unknown), f"{watched:,} / {n:,}"))
    n, watched, unknown, beds, beds_watched, _ = total
    known = Share(watched, n - unknown)
    sentence = (
        _no_registry(w)
        if not order
        else w.say(
            f"登记老人 {n:,} 人：{watched:,} 人有守护，{n - watched - unknown:,} 人无守护，{unknown:,} 人情况不明"
            + (f"（情况已知者中有守护的占 {cells.per_cent(known.value)}）" if known.whole else "")
            + f"；家庭养老床位 {beds:,} 张，{beds_watched:,} 张有守护。",
            f"{n:,} residents are registered: {watched:,} are watched, {n - watched - unknown:,} are not, and of"
            f" {unknown:,} it is not known"
            + (f" ({cells.per_cent(known.value)} of the others are watched)" if known.whole else "")
            + f"; of {beds:,} home care beds {beds_watched:,} are watched.",
        )
    )
    title = w.say("家庭养老床位与守护对象", "Home care beds and residents watched")
    names = tuple(w.say(*words) for words in WATCHED.values())
    columns = (
        w.say("能力等级", "ability grade"),
        w.say("登记", "registered"),
        w.say("有守护", "watched"),
        w.say("占已知者", "of those known"),
        w.say("情况不明", "not known"),
        w.say("无守护", "not watched"),
        w.say("床位", "beds"),
        w.say("床位有守护", "beds watched"),
        w.say("床位情况不明", "beds not known"),
    )
    return Section(
        code="people",
        title=title,
        sentence=sentence,
        pictures=(StackPicture(title, sentence, names, tuple(stacks)),) if stacks else (),
        tables=()
        if not order
        else (
            Table(
                _as_of(w, month),
                tuple(Column(name, place > 0) for place, name in enumerate(columns)),
                tuple(lines),
            ),
        ),
        headlines=()
        if not order
        else (
            Headline(w.say("登记老人", "residents registered"), f"{n:,}", n, w.link("people", **at)),
            Headline(
                w.say("有守护（占已知者）", "watched, of those known"),
                cells.per_cent(known.value),
                known.value,
                w.link("people", watched="known", **at),
            ),
            Headline(w.say("家庭养老床位", "home care beds"), f"{beds:,}", beds, w.link("people", bed="1", **at)),
        ),
        how=(
            w.say(
                "“有守护”按守护全景判断：七个守护项中至少一项有守护或不完整，且一分钟内核对过；只有设备登记不算。一"
                "项也没有而至少一项不明的，或平台未在核对的，计为情况不明。能力等级按 GB/T 42195-2022。",
                "A resident is watched by the protection picture: at least one of its seven functions is covered or"
                " weak, and somebody looked within a minute; a device on paper does not count. Who has none of"
                " them, and at least one of which nothing is known, is not known; so is everybody while nobody"
                " looks. Ability grades: GB/T 42195-2022.",
            ),
            _registry_words(w),
        ),
    )


def grade_name(w: Window, grade: str) -> str:
    """The ability grade in words."""
    return w.say(*GRADES[grade]) if grade in GRADES else w.say("未评估", "not assessed")


def _no_registry(w: Window) -> str:
    return w.say("所选月份没有登记情况的记录。", "Who was registered in these months is not recorded.")


def _as_of(w: Window, month: dt.date | None) -> str:
    return "" if month is None else w.say(f"{months.code(month)} 的登记情况", f"as registered in {months.code(month)}")


def _registry_words(w: Window) -> str:
    return w.say(
        "登记情况只在当月统计，月底的最后一次为准；事后无法补算，没有记录的月份不显示。",
        "The registry is counted while a month lasts, and its last count stays; it cannot be made up afterwards,"
        " and a month without one is left out.",
    )
