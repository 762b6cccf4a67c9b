"""A finding on its way to the database, and its times."""

import msgspec

from alerting.core.finding import Finding
from database.clock import TOLERANCE_US
from vocabulary.times import SECOND_US


class Record(msgspec.Struct, frozen=True):
    """A finding and the times that belong to it, µs since 1970.

    ``steady_us`` and ``boot``: the machine's steady clock at ``raised_us``, by which a wrong clock is found out later.
    """

    finding: Finding
    received_us: int
    raised_us: int
    steady_us: int = 0
    boot: str = ""


def dated_by_database(record: Record, database_us: int, steady_us: int, boot: str) -> Record:
    """The record with the times that the database's clock gives, where this host's was off when it was raised.

    ``database_us``: now by the database's clock; ``steady_us``, ``boot``: now by the machine's steady clock. Of a
    record of another run of the machine only a time in the future is known to be wrong.
    """
    if boot and record.boot == boot:
        off_us = record.raised_us - (database_us - (steady_us - record.steady_us))
    else:
        off_us = max(record.raised_us - database_us, 0)
    if abs(off_us) <= TOLERANCE_US:
        return record
    received_us = min(record.received_us - off_us, database_us + SECOND_US)
    return msgspec.structs.replace(record, received_us=received_us, raised_us=record.raised_us - off_us)
