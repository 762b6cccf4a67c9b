"""The page to which a login leads on: one of ours, whatever an address says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.shell.session import safe_next


@pytest.mark.parametrize("address", ["/", "/orders?state=done", "/alerts/1", "/residents?q=%E5%88%98"])
def test_pages_of_ours_are_gone_on_to(address: str) -> None:
    assert safe_next(address) == address


@pytest.mark.parametrize(
    "address",
    [
        None, "", "orders", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example/",
        "/\t/evil.example",         "javascript:alert(1)", "/login?next=/", "/logout", "/api/alerts", "/" + "a" * 600,
    ],
)  # fmt: skip
def test_others_are_not(address: str | None) -> None:
    assert safe_next(address) == "/"


@given(st.text(alphabet="/\\.:@?#ab\t\n%", max_size=12))
def test_no_address_leaves_this_host(address: str) -> None:
    found = safe_next(address)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert found.isprintable()
