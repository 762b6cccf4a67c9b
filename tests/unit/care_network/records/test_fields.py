"""Every field of every kind of record has its words, and they are those of the import's columns."""

import datetime as dt
from typing import Any

import pytest

from care_network.importing.columns import SHEETS
from care_network.records.kinds import KINDS
from care_network.records.listing.fields import FIELDS, KIND_WORDS, say, typed
from care_network.records.listing.related import _COSTS

FORMS = {
    "text", "tel", "number", "date", "time", "moment", "truth", "maybe", "choice", "several", "weekdays", "area",
    "organisation", "household", "resident", "gateway", "staff",
}  # fmt: skip


def test_every_field_has_words_in_both_languages_and_a_form() -> None:
    assert list(FIELDS) == list(KINDS) == list(KIND_WORDS)
    for name, kind in KINDS.items():
        assert set(FIELDS[name]) == set(kind.record.__struct_fields__), name
        for field in FIELDS[name].values():
            assert field.zh
            assert field.en
            assert field.form in FORMS
            assert bool(field.help_zh) == bool(field.help_en)
            assert bool(field.options) == (field.form in ("choice", "several", "weekdays"))
        assert name in _COSTS


def test_a_page_and_a_table_call_a_field_the_same() -> None:
    differing = [
        (kind, field, column.zh, FIELDS[kind][field].zh)
        for sheet in SHEETS.values()
        for column in sheet.columns
        for kind, field in column.fields
        if column.zh != FIELDS[kind][field].zh
    ]
    assert not differing


@pytest.mark.parametrize(
    ("kind", "name", "value", "zh", "en"),
    [
        ("resident", "ability_grade", "mild", "轻度失能", "mildly impaired"),
        ("resident", "lives_alone", None, None, None),
        ("resident", "on_oxygen", False, "否", "no"),
        ("resident", "languages", ("cmn", "yue"), "普通话、粤语", "Mandarin, Cantonese"),
        ("household", "floor", 5, "5 层", "5"),
        ("contact", "consent_at", dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC), "2026-11-01 10:00", "2026-11-01 10:00"),
        ("contact", "consent_at", "2026-11-01T02:00:00+00:00", "2026-11-01 10:00", "2026-11-01 10:00"),
        ("shift", "starts", dt.time(23), "23:00", "23:00"),
        ("roster", "weekdays", (1, 7), "周一、周日", "Mon, Sun"),
        ("device", "room", "bedroom", "卧室", "bedroom"),
    ],
)
def test_values_are_said_in_words(kind: str, name: str, value: Any, zh: str | None, en: str | None) -> None:
    assert (say("zh", kind, name, value), say("en", kind, name, value)) == (zh, en)


def test_a_control_holds_what_the_record_has() -> None:
    assert typed("household", "has_lift", None) == ""
    assert typed("household", "has_lift", False) == "false"
    assert typed("contact", "consent_at", dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC)) == "2026-11-01T10:00"
