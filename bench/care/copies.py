"""Make many rows of the few that the demonstration has, so that they have the form that the platform writes."""

OFFSET = 1_000_000
"""The ids of copies begin here."""


def copies(
    table: str, many: int, *, of: str = "true", key: str | None = "id", rest: str = "", **columns: str
) -> tuple[str, ...]:
    """The statements that copy rows of ``table`` that fulfil ``of`` so many times, ``k`` counting them from 1.

    ``columns``: expressions of ``k`` (and of ``rest``, a further source) for what differs between the copies.
    """
    changed = {**({key: f"{OFFSET} + k"} if key else {}), **columns}
    pairs = ", ".join(f"'{name}', {value}" for name, value in changed.items())
    after = (
        (f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), (SELECT max({key}) FROM {table}))",) if key else ()
    )
    return (
        f"CREATE TEMP TABLE first_{table} ON COMMIT DROP AS SELECT to_jsonb(t) AS row,"
        f" row_number() OVER ()::int AS n, count(*) OVER ()::int AS of FROM {table} t WHERE {of}",
        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT made.* FROM generate_series(1, {many}) k"
        f" JOIN first_{table} f ON f.n = 1 + k %% f.of {rest} CROSS JOIN LATERAL"
        f" jsonb_populate_record(NULL::{table}, f.row || jsonb_build_object({pairs})) made ON CONFLICT DO NOTHING",
        *after,
    )
