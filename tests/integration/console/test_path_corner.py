"""The corner of the board: the age of the last proof, the broken link, and "unknown" where nothing can be known."""

import psycopg
import pytest

from console.board.proof import PathState, ProofOfPath
from database.reports import path_proofs

pytestmark = pytest.mark.integration
ALERT = "544126b0-ef14-510d-a7d6-3e3c418b0093"


def test_the_corner_tells_quiet_from_broken(database_url: str) -> None:
    proof = ProofOfPath("console-0")
    with psycopg.connect(database_url, autocommit=True) as conn:
        proof.exchange(conn)
        assert proof.state() == PathState(None), "nobody ever watched the path"
        path_proofs.tell(conn, "gw-path-1", None, ())
        proof.exchange(conn)
        assert proof.state() == PathState(None), "it was never proved"
        path_proofs.tell(conn, "gw-path-1", 40.0, ())
        proof.exchange(conn)
        state = proof.state()
        assert state.age_s is not None
        assert state.age_s >= 40
        assert state.broken_en == ""
        path_proofs.tell(conn, "gw-path-1", None, ("broker_ingest",))
        proof.noticed(ALERT)
        proof.exchange(conn)
        state = proof.state()
        assert state.age_s is not None
        assert state.age_s >= 40, "a watcher that proves nothing makes it no younger"
        assert state.broken_en == "broker → ingest"
        (word,) = path_proofs.consoles(conn)
        assert str(word.alert_id) == ALERT
    proof.lost()
    assert proof.state() == PathState(None), "the database is away"
