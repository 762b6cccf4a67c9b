"""Describe faults for the log by place and kind, without their text.

The text of an exception may repeat personal data: a telephone number in a unique key, an address in a URL.
"""

import traceback

import psycopg

FRAMES = 4


def traceback_summary(error: BaseException) -> str:
    """Name the innermost frames: 'planner.py:81 plan < service.py:77 _plan'."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames))


def server_message(error: psycopg.Error) -> str:
    """The server's message without its detail; without a server, the text of the connection's error."""
    return error.diag.message_primary or (
        str(error).strip() if isinstance(error, psycopg.OperationalError) else type(error).__name__
    )
