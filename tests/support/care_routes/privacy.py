"""The register of consents, copies of a person's data, erasure, research without names, retention and duties."""

from collections.abc import Callable
from typing import Any

from tests.support.route_example import Example


def _given(site: Any, *_: Any) -> Example:
    """A consent, given or not before."""
    return Example(
        "/care/consents/R1/give", {"what": "outdoor_place", "how": "paper", "evidence": "form 1"}, success=303
    )


def _withdrawal(site: Any, *_: Any) -> Example:
    row = site.conn.execute("SELECT max(e.id) FROM consent_event e JOIN resident r ON r.id = resident_id"
                            " WHERE r.code = 'R1'").fetchone()  # fmt: skip
    return Example(
        "/care/consents/R1/withdraw", {"purpose": "outdoor_place", "how": "telephone", "seen": row[0] or 0}, success=303
    )


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/consents": lambda *_: Example("/care/consents"),
    "GET /care/consents/{code}": lambda *_: Example("/care/consents/R1"),
    "GET /care/consents/{code}/withdraw": lambda *_: Example("/care/consents/R1/withdraw?purpose=outdoor_place"),
    "GET /care/privacy/processing": lambda *_: Example("/care/privacy/processing"),
    "POST /care/consents/{code}/give": _given,
    "POST /care/consents/{code}/withdraw": _withdrawal,
}
ABOUT_NOBODY = {"GET /care/privacy/processing"}
