"""``adapter = "smtp"``: e-mail by a server of the district (RFC 5321)."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Literal

import msgspec

from dispatch.channels.adapters.base import ConfigError, Outgoing, PermanentError, RetryableError, Sent


class SmtpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``options`` of the channel."""

    host: str
    sender: str
    """The address that mails come from."""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` only for a server on the same machine."""
    user: str = ""
    password: str = ""
    ca_file: str = ""
    """Certificate authority of a server whose certificate is not signed by a public one."""


class Smtp:
    def __init__(self, options: SmtpOptions) -> None:
        if not _addressable(options.sender):
            raise ConfigError(f"'sender' is no e-mail address: {options.sender!r}")
        if options.user and options.security == "none" and options.host not in ("127.0.0.1", "::1", "localhost"):
            raise ConfigError("a password does not travel without TLS: choose security = 'starttls' or 'tls'")
        self._options = options

    def reaches(self, address: str) -> bool:
        return _addressable(address)

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        mail = EmailMessage()
        mail["From"] = self._options.sender
        mail["To"] = Address(message.name, addr_spec=message.address)
        mail["Subject"] = message.title
        # The same for every attempt, so that mailboxes recognise a repetition.
        mail["Message-ID"] = f"<{message.key}@{self._options.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Priority"] = "1" if message.severity == "emergency" else "3"
        mail.set_content(message.text)
        try:
            with self._connect(timeout_s) as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _refused(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise RetryableError(f"{type(error).__name__}: {error}"[:300]) from error
        return Sent(str(message.key))

    def _connect(self, timeout_s: float) -> smtplib.SMTP:
        options = self._options
        context = ssl.create_default_context(cafile=options.ca_file or None)
        if options.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(options.host, options.port, timeout=timeout_s, context=context)
        else:
            server = smtplib.SMTP(options.host, options.port, timeout=timeout_s)
        try:
            if options.security == "starttls":
                server.starttls(context=context)
            if options.user:
                server.login(options.user, options.password)
        except BaseException:
            server.close()
            raise
        return server


def _refused(code: int, text: bytes | str) -> RetryableError | PermanentError:
    """Make the error for a reply code. RFC 5321, 4.2.1: 4yz is transient, 5yz permanent."""
    reply = text.decode(errors="replace") if isinstance(text, bytes) else text
    kind = RetryableError if 400 <= code < 500 else PermanentError
    return kind(f"SMTP {code}: {reply[:300]}")


def _addressable(text: str) -> bool:
    try:
        Address(addr_spec=text)
    except (ValueError, IndexError):
        return False
    return "@" in text
