"""A GSM/LTE modem on a serial port: voice calls and SMS by AT commands.

3GPP TS 27.007: ATD, AT+CHUP, AT+CLCC (state of calls), AT+CREG (registration), AT+CMEE. 3GPP TS 27.005: AT+CMGF,
AT+CSMP, AT+CMGS in text mode. Texts go in UCS-2, as Chinese needs. Every command has a deadline: a modem that is
silent, answers nonsense or vanishes makes a failed Attempt.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import serial
import structlog

from edge_agent.alarm.channels import Attempt
from edge_agent.alarm.rules import Cause
from edge_agent.alarm.settings import Contact, ModemConfig

log = structlog.get_logger(__name__)

COMMAND_S, SMS_S, POLL_S = 5.0, 40.0, 0.5
REGISTERED = ("1", "5")
"""+CREG: at home, or roaming."""
ACTIVE = "0"
"""+CLCC <stat>: the other side has answered."""
FINAL = ("OK", "ERROR", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE")
LONGEST_SMS = 70
_ERRORS = ("+CME ERROR", "+CMS ERROR")


class ModemError(Exception):
    """The modem refused or failed; the text says why."""


class Modem:
    """Calls and SMS by one modem; one attempt at a time."""

    def __init__(self, config: ModemConfig) -> None:
        self._config = config
        self._lock = threading.Lock()

    def call(self, contact: Contact, _cause: Cause, _text: str) -> Attempt:
        """Call a contact; reached if the call is answered. Blocks for ``ring_s + talk_s`` and some seconds at most."""
        return self._try(lambda line: self._ring(line, contact.phone or ""))

    def sms(self, contact: Contact, _cause: Cause, text: str) -> Attempt:
        """Send an SMS; reached if the network has taken it."""
        return self._try(lambda line: _send(line, contact.phone or "", text[:LONGEST_SMS]))

    def probe(self) -> str:
        """Test the modem: "" where it answers and is registered in a network, else what is wrong."""
        attempt = self._try(lambda line: "registered")
        return "" if attempt.reached else attempt.detail

    def _try(self, do: Callable[["_Line"], str]) -> Attempt:
        with self._lock:
            try:
                with _Line(self._config) as line:
                    _prepare(line)
                    return Attempt(True, do(line))
            except (ModemError, serial.SerialException, OSError) as error:
                log.warning("modem", reason=str(error))
                return Attempt(False, str(error)[:100])

    def _ring(self, line: "_Line", number: str) -> str:
        line.ask(f"ATD{number};", self._config.ring_s)
        try:
            end = time.monotonic() + self._config.ring_s
            while time.monotonic() < end:
                calls = [answer for answer in line.ask("AT+CLCC") if answer.startswith("+CLCC:")]
                if not calls:
                    raise ModemError("busy, refused or not answered")
                if any(_fields(call)[2:3] == [ACTIVE] for call in calls):
                    line.wait_for_end(self._config.talk_s)
                    return "answered"
                time.sleep(POLL_S)
            raise ModemError(f"not answered within {self._config.ring_s:g} s")
        finally:
            line.hang_up()


def _prepare(line: "_Line") -> None:
    line.ask("ATE0")
    line.ask("AT+CMEE=1")
    answers = [answer for answer in line.ask("AT+CREG?") if answer.startswith("+CREG:")]
    if not answers or (_fields(answers[0])[1:2] or _fields(answers[0]))[0] not in REGISTERED:
        raise ModemError("the modem is not registered in a network: check SIM card and antenna")


def _send(line: "_Line", number: str, text: str) -> str:
    for command in ("AT+CMGF=1", 'AT+CSCS="UCS2"', "AT+CSMP=17,167,0,8"):
        line.ask(command)
    line.write(f'AT+CMGS="{_ucs2(number)}"\r')
    line.wait_for_prompt(COMMAND_S)
    line.write(_ucs2(text) + "\x1a")
    line.collect(SMS_S)
    return "sent"


def _ucs2(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


def _fields(answer: str) -> list[str]:
    return [field.strip() for field in answer.partition(":")[2].split(",")]


class _Line:
    """The serial line; each command ends in an answer or a ModemError."""

    def __init__(self, config: ModemConfig) -> None:
        self._port = serial.Serial(config.port, config.baud, timeout=0.1, write_timeout=COMMAND_S, exclusive=True)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._port.close()

    def write(self, text: str) -> None:
        self._port.write(text.encode("ascii"))

    def ask(self, command: str, seconds: float = COMMAND_S) -> list[str]:
        """Send a command; the lines of its answer before the OK."""
        self.write(command + "\r")
        return self.collect(seconds, command)

    def collect(self, seconds: float, echo: str = "") -> list[str]:
        lines: list[str] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            line = self._line()
            if line is None or line in ("", echo):
                continue
            if line == "OK":
                return lines
            if line in FINAL or line.startswith(_ERRORS):
                raise ModemError(line)
            lines.append(line)
        raise ModemError("the modem does not answer: check its port and power")

    def wait_for_prompt(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._rest += self._port.read(256)
            if b">" in self._rest:
                self._rest = b""
                return
            if b"ERROR" in self._rest:
                raise ModemError(self._rest.decode("ascii", "replace").strip())
        raise ModemError("the modem does not take the text of an SMS")

    def wait_for_end(self, seconds: float) -> None:
        """Hold the call until the other side hangs up, at most so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._line() not in FINAL:
            pass

    def hang_up(self) -> None:
        try:
            self.ask("AT+CHUP")
        except (ModemError, serial.SerialException, OSError) as error:
            log.warning("modem: hanging up", reason=str(error))

    def _line(self) -> str | None:
        """The next line without its end; None where there is none yet."""
        if b"\n" not in self._rest:
            self._rest = (self._rest + self._port.read(256))[-4096:]
        line, found, rest = self._rest.partition(b"\n")
        if not found:
            return None
        self._rest = rest
        return line.decode("ascii", "replace").strip()
