"""Faults as the log may show them: where and of which kind, without what they say.

The text of an exception repeats what was being handled: a telephone number in a unique key, an address in a URL.
"""

import traceback

import psycopg

FRAMES = 4


def traceback_summary(error: BaseException) -> str:
    """The last frames of its way: 'planner.py:81 plan < service.py:77 _plan'."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames))


def server_message(error: psycopg.Error) -> str:
    """The server's sentence without its detail; of a server that is away, how that showed."""
    return error.diag.message_primary or (
        str(error).strip() if isinstance(error, psycopg.OperationalError) else type(error).__name__
    )
