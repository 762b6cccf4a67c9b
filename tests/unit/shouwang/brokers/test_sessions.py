"""Which sessions of a gateway are ended, and of whom too many are told."""

from shouwang.brokers.session_sources import read_log_line
from shouwang.brokers.sessions import (
    OPEN_OF_A_SERVICE,
    SESSIONS_PER_GATEWAY,
    TOLD_FROM,
    WINDOW_S,
    Excess,
    Session,
    SessionLedger,
    Sighting,
)

AGENT = "gw-a-0123456789abcdef"


def opened(ledger: SessionLedger, *ids: str, now: float = 0, identity: str = "gw-a", clean: bool = False) -> None:
    for client_id in ids:
        ledger.note(Sighting(identity, client_id, "open", clean), now)


def test_the_agents_own_session_stays_whatever_else_is_opened() -> None:
    ledger = SessionLedger()
    opened(ledger, *(f"other-{number}" for number in range(20)))
    opened(ledger, AGENT, now=5)
    ended = ledger.surplus((), 5)
    assert len(ended) == 21 - SESSIONS_PER_GATEWAY
    assert Session("gw-a", AGENT) not in ended
    assert Session("gw-a", "other-0") not in ended, "of the others those known longest stay"


def test_a_replaced_key_does_not_cost_the_new_session() -> None:
    ledger = SessionLedger()
    old = [f"gw-a-{number:016x}" for number in range(SESSIONS_PER_GATEWAY)]
    opened(ledger, *old)
    for client_id in old:
        ledger.note(Sighting("gw-a", client_id, "closed"), 1)
    opened(ledger, AGENT, now=2)
    assert ledger.surplus((), 2) == [Session("gw-a", old[-1])]


def test_a_clean_session_ends_with_its_connection_and_another_stays() -> None:
    ledger = SessionLedger()
    opened(ledger, "clean", clean=True)
    opened(ledger, "kept")
    for client_id in ("clean", "kept"):
        ledger.note(Sighting("", client_id, "closed"), 1)
    assert list(ledger) == [Session("gw-a", "kept")]


def test_a_revoked_gateway_keeps_none_and_a_service_all() -> None:
    ledger = SessionLedger()
    opened(ledger, AGENT)
    opened(ledger, *(f"worker-{number}" for number in range(50)), identity="svc-ingest")
    assert ledger.surplus(["gw-a", "svc-ingest"], 0) == [Session("gw-a", AGENT)]


def test_too_many_are_told_for_an_hour_and_a_session_that_comes_back_counts_once() -> None:
    ledger = SessionLedger()
    for moment in range(100):
        opened(ledger, AGENT, now=moment)
        ledger.note(Sighting("gw-a", AGENT, "closed"), moment)
    assert ledger.excesses(100) == []
    opened(ledger, *(f"other-{number}" for number in range(TOLD_FROM)), now=100)
    assert ledger.excesses(100) == [Excess("gw-a", TOLD_FROM + 1)]
    for session in ledger.surplus((), 100):
        ledger.ended(session)
        ledger.note(Sighting("gw-a", session.client_id, "stored"), 101)  # the store of before its end
    assert ledger.excesses(101) == [Excess("gw-a", TOLD_FROM + 1)]
    assert ledger.excesses(101 + WINDOW_S) == []


def test_connections_of_a_service_are_counted_while_they_are_open() -> None:
    ledger = SessionLedger()
    for number in range(2 * OPEN_OF_A_SERVICE):  # commands come and go
        opened(ledger, f"command-{number}", identity="svc-console")
        ledger.note(Sighting("", f"command-{number}", "closed"), 0)
    assert ledger.excesses(0) == []
    opened(ledger, *(f"stolen-{number}" for number in range(OPEN_OF_A_SERVICE + 1)), identity="svc-console")
    assert ledger.excesses(0) == [Excess("svc-console", OPEN_OF_A_SERVICE + 1)]


def test_a_client_id_can_not_speak_for_another_in_the_log() -> None:
    tail = "(p2, c0, k60, u'gw-a')."
    fake = "x (p2, c1, k60, u'gw-b')."
    line = f"1795916970: New client connected from 10.0.0.1:53797 as {fake} {tail}".encode()
    assert read_log_line(line) == Sighting("gw-a", fake, "open", clean=False)
    # cut off where the forged end stands
    head = b"1795916970: New client connected from 10.0.0.1:53797 as "
    forged = b" (p2, c1, k60, u'gw-b')."
    cut = head + b"y" * (999 - len(head) - len(forged)) + forged
    assert read_log_line(cut) == "10.0.0.1"
    assert read_log_line(b"1795916970: Client gw-a disconnected.") == Sighting("", "gw-a", "closed")
    assert read_log_line(b"1795916970: Client a has exceeded timeout, disconnecting.") == Sighting("", "a", "closed")
    assert read_log_line(b"1795916970: New connection from 127.0.0.1:53797 on port 26732.") is None
