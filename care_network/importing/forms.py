"""Read the form of a record: every field that is wrong is named at once, in words that say what to write."""

from collections.abc import Mapping
from typing import Any

from care_network.errors import MalformedError, ProvisioningError
from care_network.importing.columns import Column
from care_network.importing.exporting import sheet_of
from care_network.importing.importing import read_fields
from care_network.records.kinds import kind_named
from care_network.records.listing.fields import FIELDS, MANY, needed

Wrong = dict[str, tuple[str, str]]
"""The words for each field that is wrong, in Chinese and English."""
_NEEDED = ("必填", "Needed.")


def read_form(kind_name: str, typed: Mapping[str, list[str]]) -> tuple[dict[str, Any], Wrong]:
    """Read the fields of a record from a form; a field that was left empty becomes empty, a box not ticked no.

    Only the fields of the form, so that a key that cannot be changed may be left out.
    """
    fields: dict[str, Any] = {}
    wrong: Wrong = {}
    for name, field in FIELDS[kind_name].items():
        texts = [text.strip() for text in typed.get(name, []) if text.strip()]
        if field.form == "truth":
            text = "true" if texts else "false"
        elif field.form == "maybe":
            text = texts[0] if texts else "unknown"
        elif field.form in MANY:
            text = ";".join(texts) or "-"
        elif name in typed:
            text = texts[0] if texts else "-"
        else:
            continue
        if text == "-" and needed(kind_name, name):
            wrong[name] = _NEEDED
            continue
        try:
            fields |= read_fields(kind_name, {name: text})
        except ProvisioningError as error:
            wrong[name] = words_of(kind_name, error)
    return fields, wrong


def words_of(kind_name: str, error: ProvisioningError) -> tuple[str, str]:
    """The words for an error at its field: what to write there, where the error only names a pattern."""
    column = column_of(kind_name, error.field)
    if column is not None and isinstance(error, MalformedError):
        reader = column.reader
        return (f"必填，{reader.zh}", f"Needed: {reader.en}.") if error.missing else (reader.zh, f"{reader.en}.")
    named = error.field or ""
    return error.message_zh.removeprefix(f"{named}："), error.message_en.removeprefix(f"{named}: ")


def column_of(kind_name: str, field: str | None) -> Column | None:
    """The column of the import that fills a field of a kind."""
    kind = kind_named(kind_name)
    return sheet_of(kind).column_of(kind, field)
