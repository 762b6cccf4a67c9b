"""Decide about requests, with the registry: renewal for who the broker says it is, enrolment for who has a code."""

import datetime as dt
from typing import Any

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from care_network.records import certificates
from shouwang.certificates.issuer import Issued, Issuer, RequestRefusedError, key_hash

NOT_BEFORE = dt.timedelta(minutes=10)
"""A gateway that asks again sooner is not answered: a lost answer is worth a second one, a loop is not."""


def renew(
    conn: psycopg.Connection[Any], issuer: Issuer, gateway: str, request: bytes, now: dt.datetime, life: dt.timedelta
) -> Issued:
    """Sign a renewed certificate for the gateway that the broker let in, and record it.

    Raises RequestRefusedError: revoked, unknown, too soon, or for another key than before. A stolen certificate could
    otherwise be made to outlive its revocation under a key of the thief's.
    """
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('certificate ' || %s))", (gateway,))
        if not certificates.is_known(conn, gateway):
            raise RequestRefusedError("not in the registry, or revoked")
        before = certificates.last_issued(conn, gateway)
        if before is not None and now - before[1] < NOT_BEFORE:
            raise RequestRefusedError(f"has a certificate of {before[1]:%Y-%m-%d %H:%M} UTC already")
        issued = issuer.sign(request, gateway, now, life)
        if before is not None and bytes(before[0]) != issued.key_hash:
            raise RequestRefusedError("asks for another key: a gateway with a new key is enrolled with a code")
        certificates.note_issued(conn, gateway, issued.serial, issued.key_hash, now, issued.expires_at)
    return issued


def enrol(
    conn: psycopg.Connection[Any],
    issuer: Issuer,
    gateway: str,
    code: str,
    request: bytes,
    now: dt.datetime,
    life: dt.timedelta,
) -> Issued:
    """Sign the first certificate of a gateway for a code, which opens nothing any more afterwards.

    Raises EnrolmentError for the code, RequestRefusedError for the request; the code stays good then.
    """
    with conn.transaction():
        certificates.use_code(conn, gateway, code, now)
        issued = issuer.sign(request, gateway, now, life)
        certificates.note_issued(conn, gateway, issued.serial, issued.key_hash, now, issued.expires_at)
        conn.execute(f"NOTIFY {certificates.CHANGED}")
    return issued


def note_signed(conn: psycopg.Connection[Any], issuer: Issuer, pem: bytes) -> bool:
    """Record a certificate that the issuing authority signed outside this program; False where it is another's.

    Raises ValueError where ``pem`` is no certificate.
    """
    certificate = x509.load_pem_x509_certificate(pem)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not issuer.has_signed(certificate):
        return False
    name = str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    certificates.note_signed(
        conn,
        name,
        certificate.serial_number,
        key_hash(key),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )
    return True
