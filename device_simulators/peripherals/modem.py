"""Simulate a GSM modem on a pseudo-terminal: AT commands of 3GPP TS 27.007 and 27.005, and usual faults."""

import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from device_simulators.peripherals.terminal import Terminal

Fault = Literal["", "silent", "not_registered", "busy", "no_answer", "error", "garbage", "sms_refused"]
GARBAGE = b"\xff\x00RING RING\r\n+WHAT: 1\r\n\xfe"


class SimulatedModem:
    """A modem that records the numbers it dialled (``calls``) and the (number, text) it sent (``messages``)."""

    def __init__(self, fault: Fault = "", rings_s: float = 0.3) -> None:
        self.fault: Fault = fault
        self.calls: list[str] = []
        self.messages: list[tuple[str, str]] = []
        self._rings_s = rings_s
        self._buffer = b""
        self._sms_to: str | None = None
        self._ucs2 = False
        self._dialled_at: float | None = None
        self._terminal = Terminal(self._hear)

    @property
    def path(self) -> Path:
        return self._terminal.path

    def __enter__(self) -> Self:
        self._terminal.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._terminal.__exit__(kind, error, at)

    def _hear(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = b"\x1a" if self._sms_to is not None else b"\r"
            command, found, rest = self._buffer.partition(end)
            if not found:
                return
            self._buffer = rest
            if self._sms_to is not None:
                self._store(command.decode("ascii").strip())
            else:
                self._obey(command.decode("ascii", "replace").strip())

    def _say(self, *lines: str) -> None:
        if self.fault == "garbage":
            self._terminal.write(GARBAGE)
        if self.fault != "silent":
            self._terminal.write("".join(f"\r\n{line}\r\n" for line in lines).encode())

    def _store(self, text: str) -> None:
        number, self._sms_to = self._sms_to or "", None
        if self.fault == "sms_refused":
            self._say("+CMS ERROR: 38")  # network out of order
            return
        self.messages.append((_decoded(number), _decoded(text)) if self._ucs2 else (number, text))
        self._say("+CMGS: 7", "OK")

    def _obey(self, command: str) -> None:
        if self.fault == "error" and command != "ATE0":
            self._say("ERROR")
        elif command == "AT+CREG?":
            self._say("+CREG: 0,2" if self.fault == "not_registered" else "+CREG: 0,1", "OK")
        elif command.startswith("ATD"):
            self.calls.append(command[3:].rstrip(";"))
            self._dialled_at = time.monotonic()
            self._say("BUSY" if self.fault == "busy" else "OK")
        elif command == "AT+CLCC":
            self._say(*self._calls_now(), "OK")
        elif command == "AT+CHUP":
            self._dialled_at = None
            self._say("OK")
        elif command.startswith("AT+CSCS="):
            self._ucs2 = "UCS2" in command
            self._say("OK")
        elif command.startswith("AT+CMGS="):
            self._sms_to = command.partition("=")[2].strip('"')
            self._terminal.write(b"\r\n> ")
        elif command.startswith("AT"):
            self._say("OK")
        else:
            self._say("ERROR")

    def _calls_now(self) -> list[str]:
        if self._dialled_at is None:
            return []
        ringing_s = time.monotonic() - self._dialled_at
        if self.fault == "no_answer":
            return ['+CLCC: 1,0,3,0,0,"",129'] if ringing_s < self._rings_s else []
        return [f'+CLCC: 1,0,{0 if ringing_s >= self._rings_s else 3},0,0,"",129']


def _decoded(text: str) -> str:
    return bytes.fromhex(text).decode("utf-16-be")
