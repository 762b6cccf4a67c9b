"""Ask a glucose meter for its records (Bluetooth Glucose Service 1.0.1, 3.4: Record Access Control Point, RACP).

A meter stores its measurements and sends them only when it is asked: at first the last one, later the new ones.
"""

import struct

RACP = 0x2A52
_REPORT, _LAST, _FROM, _BY_NUMBER = 0x01, 0x06, 0x03, 0x01
"""Op code "report stored records"; operators "last record" and "greater than or equal to"; filter "sequence number"."""
_RESPONSE, _SUCCESS, _NO_RECORDS = 0x06, 0x01, 0x06
"""Op code "response code", and the two responses that are no refusal."""
REFUSALS = {
    0x02: "op code not supported",
    0x03: "invalid operator",
    0x04: "operator not supported",
    0x05: "invalid operand",
    0x07: "abort unsuccessful",
    0x08: "procedure not completed",
    0x09: "operand not supported",
}
NUMBERS = 65_536


def sequence_number(measurement: bytes) -> int | None:
    """The number of a Glucose Measurement (0x2A18); None where it is too short to hold one."""
    return int.from_bytes(measurement[1:3], "little") if len(measurement) >= 3 else None


def request(last: int | None) -> bytes:
    """The command to write to the RACP. ``last``: number of the newest known record; None: none is known."""
    if last is None or last + 1 >= NUMBERS:  # numbers do not wrap around within a meter's life: this is a new meter
        return bytes((_REPORT, _LAST))
    return struct.pack("<BBBH", _REPORT, _FROM, _BY_NUMBER, last + 1)


def refusal(answer: bytes) -> str:
    """The reason for which the meter does not send its records; "" where it does, or has none."""
    if len(answer) < 4 or answer[0] != _RESPONSE or answer[3] in (_SUCCESS, _NO_RECORDS):
        return ""
    return REFUSALS.get(answer[3], f"response {answer[3]:#04x}")


def wanted(command: bytes, numbers: list[int]) -> list[int]:
    """The meter's side: the numbers of the records that a command asks for; none for an unknown command."""
    if command == bytes((_REPORT, _LAST)):
        return numbers[-1:]
    if len(command) == 5 and command[:3] == bytes((_REPORT, _FROM, _BY_NUMBER)):
        first = int.from_bytes(command[3:], "little")
        return [number for number in numbers if number >= first]
    return []
