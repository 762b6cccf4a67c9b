"""A secret belongs to its owner; systemd shows the access list of a credential as the group's right to read."""

from pathlib import Path

import pytest

from vocabulary.private import CREDENTIALS, open_to_others


@pytest.mark.parametrize(
    ("mode", "elsewhere", "credential"),
    [(0o600, "", ""), (0o400, "", ""), (0o440, "0440", ""), (0o460, "0460", "0460"), (0o644, "0644", "0644")],
)
def test_who_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, elsewhere: str, credential: str
) -> None:
    file = tmp_path / "credentials" / "link.key"
    file.parent.mkdir()
    file.write_text("secret")
    file.chmod(mode)
    monkeypatch.delenv(CREDENTIALS, raising=False)
    assert open_to_others(file) == elsewhere
    monkeypatch.setenv(CREDENTIALS, str(file.parent))
    assert open_to_others(file) == credential
    monkeypatch.setenv(CREDENTIALS, str(tmp_path / "another"))
    assert open_to_others(file) == elsewhere
