"""The register of consents, copies of a person's data, erasure, research without names, retention and duties."""

import datetime as dt
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


def _family_withdrawal(site: Any, *_: Any) -> Example:
    said = _withdrawal(site).data or {}
    return Example(
        "/family/R1/consents/withdraw", {"purpose": "outdoor_place", "by": "self", "seen": said["seen"]}, success=303
    )


def _copy(site: Any, *_: Any) -> Example:
    """An archive that is ready."""
    site.conn.execute("UPDATE person_copy SET state = 'ended'")
    row = site.conn.execute(
        "INSERT INTO person_copy (resident_id, code, asked_by, identity, asked_at, state, bytes, expires_at)"
        " SELECT id, code, 'self', 'seen', now(), 'done', 0, now() + interval '1 day'"
        " FROM resident WHERE code = 'R1' RETURNING id"
    ).fetchone()
    return Example(f"/care/privacy/copies/{row[0]}/archive")


def _erasure(site: Any) -> int:
    site.conn.execute("UPDATE erasure SET state = 'refused'")
    row = site.conn.execute(
        "INSERT INTO erasure (resident_id, code, reason, asked_by, identity, planned_at, plan)"
        " SELECT id, code, 'asked', 'self', 'seen', now(), '[]' FROM resident WHERE code = 'R1' RETURNING id"
    ).fetchone()
    return int(row[0])


def _plan(site: Any, *_: Any) -> Example:
    site.conn.execute("UPDATE erasure SET state = 'refused'")
    site.conn.execute(
        "UPDATE alert SET state = 'resolved' WHERE resident_id = (SELECT id FROM resident WHERE code = 'R1')"
    )
    return Example(
        "/care/privacy/erasures",
        {"resident": "R1", "reason": "asked", "asked_by": "self", "identity": "seen"},
        success=303,
    )


def _hold(site: Any, *_: Any) -> Example:
    row = site.conn.execute(
        "INSERT INTO legal_hold (resident_id, area_path, reference, reason, placed_at)"
        " SELECT id, 'sz.yt.hs', '1', 'x', now() FROM resident WHERE code = 'R1' RETURNING id"
    ).fetchone()
    return Example(f"/care/privacy/holds/{row[0]}/lift", {"why": "x"}, success=303)


def _project(site: Any, state: str = "approved") -> int:
    row = site.conn.execute(
        "INSERT INTO research_project (title, purpose, recipient, area_path, columns, k, planned_at, state, expires_on)"
        " VALUES ('x', 'x', 'x', 'sz.yt.hs', '{sex}', 5, now(), %s, current_date + 30) RETURNING id",
        (state,),
    ).fetchone()
    return int(row[0])


def _file(site: Any, *_: Any) -> Example:
    row = site.conn.execute(
        "INSERT INTO research_export (project_id, asked_at, state, made_at, body)"
        " VALUES (%s, now(), 'done', now() + interval '1 day', 'x') RETURNING id",
        (_project(site),),
    ).fetchone()
    return Example(f"/care/privacy/research-exports/{row[0]}")


def _breach(site: Any, *_: Any) -> Example:
    row = site.conn.execute(
        "INSERT INTO privacy_breach (area_path, happened_at, noticed_at, kind, what)"
        " VALUES ('sz.yt.hs', now(), now(), 'loss', 'x')"
        " RETURNING id"
    ).fetchone()
    return Example(f"/care/privacy/breaches/{row[0]}", {"step": "people", "version": 1}, success=303)


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/consents": lambda *_: Example("/care/consents"),
    "GET /care/consents/{code}": lambda *_: Example("/care/consents/R1"),
    "GET /care/consents/{code}/withdraw": lambda *_: Example("/care/consents/R1/withdraw?purpose=outdoor_place"),
    "GET /care/privacy/copies": lambda *_: Example("/care/privacy/copies"),
    "POST /care/privacy/copies": lambda *_: Example(
        "/care/privacy/copies", {"resident": "R1", "asked_by": "self", "identity": "seen"}, success=303
    ),
    "GET /care/privacy/copies/{number}/archive": _copy,
    "GET /care/privacy/erasures": lambda *_: Example("/care/privacy/erasures"),
    "POST /care/privacy/erasures": _plan,
    "GET /care/privacy/erasures/{number}": lambda site, *_: Example(f"/care/privacy/erasures/{_erasure(site)}"),
    "POST /care/privacy/erasures/{number}/vote": lambda site, *_: Example(
        f"/care/privacy/erasures/{_erasure(site)}/vote", {"yes": "yes"}, success=303
    ),
    "GET /care/privacy/research": lambda *_: Example("/care/privacy/research"),
    "POST /care/privacy/research": lambda *_: Example(
        "/care/privacy/research",
        {
            "title": "x",
            "purpose": "x",
            "recipient": "x",
            "columns": "sex",
            "k": 5,
            "l": 2,
            "expires_on": (dt.date.today() + dt.timedelta(days=30)).isoformat(),
        },
        success=303,
    ),
    "GET /care/privacy/research/{number}": lambda site, *_: Example(f"/care/privacy/research/{_project(site)}"),
    "POST /care/privacy/research/{number}/decide": lambda site, *_: Example(
        f"/care/privacy/research/{_project(site, 'waiting')}/decide", {"yes": "yes"}, success=303
    ),
    "POST /care/privacy/research/{number}/exports": lambda site, *_: Example(
        f"/care/privacy/research/{_project(site)}/exports", {}, success=303
    ),
    "GET /care/privacy/research-exports/{number}": _file,
    "GET /care/privacy/holds": lambda *_: Example("/care/privacy/holds"),
    "POST /care/privacy/holds": lambda *_: Example(
        "/care/privacy/holds", {"resident": "R1", "reference": "1", "reason": "x"}, success=303
    ),
    "POST /care/privacy/holds/{number}/lift": _hold,
    "GET /care/privacy/duties": lambda *_: Example("/care/privacy/duties"),
    "GET /care/privacy/assessment": lambda *_: Example("/care/privacy/assessment"),
    "GET /care/privacy/retention": lambda *_: Example("/care/privacy/retention"),
    "GET /care/privacy/breaches": lambda *_: Example("/care/privacy/breaches"),
    "POST /care/privacy/breaches": lambda *_: Example(
        "/care/privacy/breaches", {"happened_at": "2026-01-01T10:00", "kind": "loss", "what": "x"}, success=303
    ),
    "POST /care/privacy/breaches/{number}": _breach,
    "GET /care/privacy/processing": lambda *_: Example("/care/privacy/processing"),
    "GET /family/{code}/consents": lambda *_: Example("/family/R1/consents"),
    "GET /family/{code}/consents/withdraw": lambda *_: Example("/family/R1/consents/withdraw?purpose=outdoor_place"),
    "POST /family/{code}/consents/withdraw": _family_withdrawal,
    "GET /home/{token}/consents": lambda site, _: Example(f"{site.panel()}/consents"),
    "POST /home/{token}/consents": lambda site, _: Example(
        f"{site.panel()}/consents", {"purpose": "outdoor_place", "who": "R1"}, success=303
    ),
    "POST /care/consents/{code}/give": _given,
    "POST /care/consents/{code}/withdraw": _withdrawal,
}
ABOUT_NOBODY = {
    "GET /care/privacy/processing", "GET /care/privacy/duties", "GET /care/privacy/assessment",
    "GET /care/privacy/retention", "GET /care/privacy/breaches", "GET /care/privacy/research",
    "GET /care/privacy/research/{number}",
}  # fmt: skip
