"""Nothing on a page is left in the other language."""

import re
from pathlib import Path

from console.shell.i18n import catalogue, doer, translate
from console.shell.views import templates, words_of
from dispatch.alerts.states import TRANSITIONS
from vocabulary.severity import SEVERITIES

TEMPLATES = sorted((Path(__file__).parents[3] / "console").rglob("*.html"))


def test_every_text_has_its_chinese() -> None:
    known, missing = catalogue("zh"), set()
    for file in TEMPLATES:
        # Not those that are composed: "message " + state.
        texts = {a or b for a, b in re.findall(r"""_\((?:"([^"]+)"|'([^']+)')[,)]""", file.read_text())}
        missing |= {(file.name, text) for text in texts if text not in known}
    assert TEMPLATES
    assert not missing


def test_both_languages_have_the_same_places_for_values() -> None:
    for text, chinese in catalogue("zh").items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", chinese)), text


def test_codes_are_words_in_both() -> None:
    states = ("waiting", "sent", "delivered", "failed", "withdrawn", "acknowledged")
    codes = [
        *TRANSITIONS,
        *SEVERITIES,
        "raise",
        "escalate",
        "call_out",
        "notify",
        "notify_failed",
        "unreachable",
        "known",
    ]
    for code in [*codes, *(f"message {state}" for state in states)]:
        assert translate("zh", code) != code
        assert "_" not in translate("en", code)
        assert not translate("en", code).startswith("message ")


def test_who_did_something_is_named_in_the_reader_s_language() -> None:
    assert [doer("en", "罗文", "Luo Wen"), doer("zh", "罗文", "Luo Wen")] == ["Luo Wen", "罗文"]
    assert [doer("en", "系统"), doer("zh", "系统"), doer("en", "何某"), doer("en", None)] == [
        "the system",
        "系统",
        "何某",
        "",
    ]


def test_a_field_that_stands_in_a_second_form_has_an_id_of_its_own() -> None:
    words = words_of("en", None)
    made = templates.get_template("_list.html").make_module(words)
    first, second = (str(made.field("note", "Reason", error=error)) for error in ("", "say why"))  # type: ignore[attr-defined]
    assert 'for="f-note"' in first
    assert "autofocus" not in first
    assert 'for="f-note-2"' in second
    assert 'aria-describedby="f-note-2-error " aria-invalid="true" autofocus' in second
