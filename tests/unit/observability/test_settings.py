import pytest

from observability.settings import LogSettings, ProbeSettings, SettingError


def test_settings_are_read_from_their_variables_and_the_others_keep_their_defaults() -> None:
    read = ProbeSettings.read({"SHOUWANG_PROBE_PORT": "9400", "SHOUWANG_PROBE_TURN_S": "12.5", "PORT": "1"})
    assert read == ProbeSettings(port=9400, turn_s=12.5)
    assert LogSettings.read({"SHOUWANG_LOG_LEVEL": "debug"}) == LogSettings(level="debug")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SHOUWANG_PROBE_PORT", "65536"), ("SHOUWANG_PROBE_PORT", ""), ("SHOUWANG_PROBE_END_AFTER_S", "soon")],
)
def test_what_cannot_be_understood_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=variable):
        ProbeSettings.read({variable: value})
