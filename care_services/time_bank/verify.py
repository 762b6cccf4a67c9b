"""Prove the books: sums, references, confirmations, ages, kept balances, and the chain of seals, computed here anew.

Nothing here trusts a function or a trigger of the database: what they refuse is looked for all the same.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.pq import TransactionStatus

STEP = 5000
MOST = 20


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a look at the books. ``faults`` empty: the books are right."""

    transactions: int
    entries: int
    accounts: int
    outstanding: int
    """Minutes that people and the pool have."""
    faults: tuple[str, ...]


_FAULTS: tuple[tuple[str, str], ...] = (
    (
        "transaction {0} does not sum to zero ({1})",
        "SELECT t.number, coalesce(sum(e.minutes), 0) FROM time_transaction t LEFT JOIN time_entry e"
        " ON e.transaction_id = t.id GROUP BY t.id HAVING coalesce(sum(e.minutes), 1) <> 0 OR count(*) < 2",
    ),
    (
        "transaction {0} does not sum to zero on {1}: minutes became younger or older",
        "SELECT t.number, e.earned_on FROM time_transaction t JOIN time_entry e ON e.transaction_id = t.id"
        " GROUP BY t.id, e.earned_on HAVING sum(e.minutes) <> 0",
    ),
    (
        "account {0} is below zero on a lot of {1}",
        "SELECT e.account_id, e.earned_on FROM time_entry e JOIN time_account a ON a.id = e.account_id"
        " WHERE a.kind NOT IN ('issuer', 'expired') GROUP BY 1, 2 HAVING sum(e.minutes) < 0",
    ),
    (
        "the kept balance of account {0} on {1} is not that of its entries",
        "SELECT coalesce(s.account_id, l.account_id), coalesce(s.earned_on, l.earned_on) FROM ("
        "  SELECT e.account_id, e.earned_on, sum(e.minutes) AS minutes FROM time_entry e"
        "  JOIN time_account a ON a.id = e.account_id WHERE a.kind NOT IN ('issuer', 'expired') GROUP BY 1, 2) s"
        " FULL JOIN time_lot l USING (account_id, earned_on)"
        " WHERE coalesce(s.minutes, 0) <> coalesce(l.minutes, 0)",
    ),
    (
        "what transaction {0} earned was not confirmed by both sides",
        "SELECT t.number FROM time_transaction t LEFT JOIN time_request q ON q.id = t.request_id"
        " LEFT JOIN time_correction c ON 'earn/' || c.request_id || '/' || c.id = t.request_key"
        " WHERE t.kind = 'earn' AND (q.id IS NULL OR q.state <> 'confirmed' OR q.told_at IS NULL OR q.said_at IS NULL"
        " OR q.told_by = q.said_by OR CASE WHEN c.id IS NULL THEN q.credited + coalesce(q.partner_credited, 0)"
        " ELSE c.credited + coalesce(c.partner_credited, 0) END <>"
        " (SELECT sum(e.minutes) FROM time_entry e WHERE e.transaction_id = t.id AND e.minutes > 0))",
    ),
    (
        "transaction {0} earned anew what two people had not agreed on after a reversal",
        "SELECT t.number FROM time_transaction t LEFT JOIN time_correction c"
        " ON 'earn/' || c.request_id || '/' || c.id = t.request_key AND c.request_id = t.request_id"
        " LEFT JOIN time_transaction b ON b.id = c.after_id LEFT JOIN time_transaction o ON o.id = b.reverses_id"
        " WHERE t.kind = 'earn' AND t.request_key IS DISTINCT FROM 'earn/' || t.request_id AND (c.agreed IS NOT TRUE"
        " OR c.asked_by = c.decided_by OR (o.kind, o.request_id) IS DISTINCT FROM ('earn', t.request_id))",
    ),
    (
        "request {0} was paid more than once",
        "SELECT q.number FROM time_transaction t JOIN time_request q ON q.id = t.request_id WHERE t.kind = 'earn'"
        " AND NOT EXISTS (SELECT FROM time_transaction b WHERE b.reverses_id = t.id) GROUP BY q.number"
        " HAVING count(*) > 1",
    ),
    (
        "request {0} is confirmed, and its minutes are not booked",
        "SELECT q.number FROM time_request q WHERE q.state = 'confirmed'"
        " AND q.credited + coalesce(q.partner_credited, 0) > 0"
        " AND NOT EXISTS (SELECT FROM time_transaction t WHERE t.request_id = q.id AND t.kind = 'earn')",
    ),
    (
        "transaction {0} corrects another without a second person or a reason",
        "SELECT number FROM time_transaction WHERE kind = 'reverse'"
        " AND (reason = '' OR account_id IS NULL OR second_id IS NULL OR account_id = second_id)",
    ),
    (
        "transaction {0} is not the whole of what it corrects",
        "SELECT t.number FROM time_transaction t JOIN time_entry e ON e.transaction_id IN (t.id, t.reverses_id)"
        " WHERE t.kind = 'reverse' GROUP BY t.number, e.account_id, e.earned_on HAVING sum(e.minutes) <> 0",
    ),
    (
        "transaction {0} gives back {1} minutes, and not what was spent on help that was not given",
        "SELECT t.number, back.minutes FROM time_transaction t JOIN time_request q ON q.id = t.request_id,"
        " LATERAL (SELECT sum(e.minutes) FILTER (WHERE e.transaction_id = t.id) AS minutes,"
        "  sum(e.minutes) FILTER (WHERE e.transaction_id = t.reverses_id) AS spent FROM time_entry e"
        "  WHERE e.transaction_id IN (t.id, t.reverses_id) AND e.minutes > 0) back WHERE t.kind = 'refund'"
        " AND back.minutes IS DISTINCT FROM CASE q.state WHEN 'cancelled' THEN back.spent"
        "  WHEN 'confirmed' THEN greatest(back.spent - q.agreed, 0) END"
        " AND NOT EXISTS (SELECT FROM time_correction c WHERE c.request_id = q.id AND c.agreed"
        "  AND back.minutes = greatest(back.spent - c.minutes, 0))",
    ),
    (
        "seal {0} does not carry what was issued and has expired by then",
        "SELECT s.position FROM (SELECT * FROM time_seal ORDER BY position DESC LIMIT 1) s,"
        " LATERAL (SELECT coalesce(sum(e.minutes) FILTER (WHERE a.kind = 'issuer'), 0) AS issued,"
        "  coalesce(sum(e.minutes) FILTER (WHERE a.kind = 'expired'), 0) AS expired FROM time_entry e"
        "  JOIN time_account a ON a.id = e.account_id) now WHERE (s.issued, s.expired) <> (now.issued, now.expired)",
    ),
    (
        "transaction {0} took younger minutes while older ones were there",
        # drawn by age: at the time of a draw nothing older than what it took is left in the account
        "WITH line AS (SELECT t.number, t.kind, e.id, e.account_id, e.minutes, e.earned_on FROM time_entry e"
        "  JOIN time_transaction t ON t.id = e.transaction_id JOIN time_account a ON a.id = e.account_id"
        "  WHERE a.kind NOT IN ('issuer', 'expired'))"
        " SELECT DISTINCT d.number FROM line d WHERE d.minutes < 0 AND d.kind NOT IN ('reverse', 'refund')"
        " AND EXISTS (SELECT FROM line o WHERE o.account_id = d.account_id AND o.earned_on < d.earned_on"
        "  AND o.id < d.id GROUP BY o.earned_on HAVING sum(o.minutes) > 0)",
    ),
    (
        "transaction {0} is not sealed",
        "SELECT number FROM time_transaction t WHERE NOT EXISTS"
        " (SELECT FROM time_seal s WHERE s.transaction_id = t.id)",
    ),
)

_SEALED = """
    SELECT s.position, s.hash, concat_ws('|', t.id, (extract(epoch FROM t.at) * 1000000)::bigint, t.kind,
        t.request_key, coalesce(t.request_id::text, '-'), coalesce(t.reverses_id::text, '-'), t.relation, t.reason,
        coalesce(t.account_id::text, '-'), coalesce(t.second_id::text, '-'),
        (SELECT string_agg(concat_ws(':', e.account_id, e.earned_on - DATE '2000-01-01', e.minutes), ',' ORDER BY e.id)
         FROM time_entry e WHERE e.transaction_id = t.id)), t.number
    FROM time_seal s JOIN time_transaction t ON t.id = s.transaction_id WHERE s.position > %s
    ORDER BY s.position LIMIT %s
"""


def verify(conn: Connection[Any], turned: Callable[[], None] = lambda: None) -> Proof:
    """Look at all of the books. ``turned`` is called after each part; at most 20 faults are named."""
    faults: list[str] = []
    outermost = conn.info.transaction_status == TransactionStatus.IDLE
    with conn.transaction():
        if outermost:  # else the caller's transaction is what is looked at
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for words, query in _FAULTS:
            rows = conn.execute(query.encode() + b" LIMIT 20").fetchall()
            faults += [words.format(*row) for row in rows]
            turned()
        faults += _chain(conn, turned)
        row = conn.execute(
            "SELECT (SELECT count(*) FROM time_transaction), (SELECT count(*) FROM time_entry),"
            " (SELECT count(*) FROM time_account), (SELECT coalesce(sum(minutes), 0) FROM time_lot)"
        ).fetchone()
    transactions, entries, accounts, outstanding = row or (0, 0, 0, 0)
    return Proof(
        transactions=transactions, entries=entries, accounts=accounts, outstanding=outstanding,
        faults=tuple(faults[:MOST]),
    )  # fmt: skip


def _chain(conn: Connection[Any], turned: Callable[[], None]) -> list[str]:
    before, last = b"", 0
    while rows := conn.execute(_SEALED, (last, STEP)).fetchall():
        for position, sealed, words, number in rows:
            if position != last + 1:
                return [
                    f"the first bad line of the chain: there is a hole before seal {position} (transaction {number})"
                ]
            if hashlib.sha256(before + words.encode()).digest() != bytes(sealed):
                return [
                    f"the first bad line of the chain: transaction {number} is not what was sealed (seal {position})"
                ]
            before, last = bytes(sealed), position
        turned()
    return []
