"""Break one part after the other on a machine that the guide made, and ask the doctor each time.

Runs inside the scratch machine, as root, with the platform's own interpreter. Prints one JSON object: by the name of
the breakage the rows that are not good. What was broken is mended before the next one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shouwang.doctor import doctor
from shouwang.setup.environment import adopt

ETC = Path("/etc/shouwang")


def run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def mode(file: Path, bits: int) -> Iterator[None]:
    before = file.stat().st_mode & 0o7777
    file.chmod(bits)
    yield
    file.chmod(before)


@contextmanager
def owner(file: Path) -> Iterator[None]:
    before = file.stat()
    os.chown(file, 0, 0)
    yield
    os.chown(file, before.st_uid, before.st_gid)


@contextmanager
def moved(file: Path) -> Iterator[None]:
    aside = file.with_name(file.name + ".aside")
    file.rename(aside)
    yield
    aside.rename(file)


@contextmanager
def replaced(file: Path, content: bytes) -> Iterator[None]:
    before = file.read_bytes()
    file.write_bytes(content)
    yield
    file.write_bytes(before)


@contextmanager
def stopped(unit: str) -> Iterator[None]:
    run("systemctl", "stop", unit)
    yield
    run("systemctl", "start", unit)


@contextmanager
def disabled(service: str) -> Iterator[None]:
    link = Path("/etc/systemd/system/multi-user.target.wants") / f"shouwang-{service}.service"
    target = link.readlink()
    link.unlink()
    yield
    link.symlink_to(target)


@contextmanager
def sql(breaks: str, mends: str) -> Iterator[None]:
    def as_superuser(statement: str) -> None:
        run("runuser", "-u", "postgres", "--", "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", "shouwang", "-c", statement)

    os.chdir("/")
    as_superuser(breaks)
    yield
    as_superuser(mends)


@contextmanager
def setting(name: str, value: str) -> Iterator[None]:
    before = os.environ[name]
    os.environ[name] = value
    yield
    os.environ[name] = before


def expired(name: str) -> bytes:
    """A certificate of the authority for this identity's key that ended yesterday."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    pki = ETC / "pki"
    old = x509.load_pem_x509_certificate((pki / "clients" / f"{name}.crt").read_bytes())
    key = serialization.load_pem_private_key((pki / "ca.key").read_bytes(), None)
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=old.issuer, subject_name=old.subject, public_key=old.public_key(), serial_number=1,
        not_valid_before=now - dt.timedelta(days=2), not_valid_after=now - dt.timedelta(days=1),
        extensions=list(old.extensions),
    )  # fmt: skip
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]


adopt()
URL = os.environ["SHOUWANG_DATABASE_URL"]
TLS = ETC / "tls"
BREAKS: dict[str, Callable[[], object]] = {
    "nothing": lambda: mode(TLS / "ca.crt", 0o644),
    "key that all can read": lambda: mode(TLS / "svc-ingest.key", 0o644),
    "key of another owner": lambda: owner(TLS / "svc-alerting.key"),
    "key that is gone": lambda: moved(TLS / "svc-console.key"),
    "no client certificate": lambda: replaced(
        ETC / "console.env", (ETC / "console.env").read_bytes().replace(b"svc-console.crt", b"gone.crt")
    ),
    "expired certificate": lambda: replaced(TLS / "svc-ingest.crt", expired("svc-ingest")),
    "key of another identity": lambda: replaced(TLS / "svc-ingest.key", (TLS / "svc-console.key").read_bytes()),
    "broker down": lambda: stopped("mosquitto"),
    "right taken away": lambda: taken_away(),
    "database read only": lambda: sql(
        "ALTER ROLE shouwang_owner SET default_transaction_read_only = on",
        "ALTER ROLE shouwang_owner RESET default_transaction_read_only",
    ),
    "database's disk full": lambda: full_tablespace(),
    "broker's disk, open files and store": lambda: both(
        open_files(100),
        full_disk(Path("/var/lib/mosquitto")),
        # stays so, although the program beside the broker writes it anew every 15 s: the doctor may come later
        sql(
            "CREATE TABLE kept AS TABLE broker_store;"
            " CREATE FUNCTION full_store() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN NEW.bound := 1; NEW.bytes := 1000; RETURN NEW; END';"
            " CREATE TRIGGER full_store BEFORE INSERT OR UPDATE ON broker_store"
            " FOR EACH ROW EXECUTE FUNCTION full_store();"
            " UPDATE broker_store SET bound = bound",
            "DROP TRIGGER full_store ON broker_store; DROP FUNCTION full_store;"
            " UPDATE broker_store b SET bound = kept.bound, bytes = kept.bytes FROM kept"
            " WHERE b.broker = kept.broker; DROP TABLE kept",
        ),
    ),
    "wrong password": lambda: setting(
        "SHOUWANG_DATABASE_URL", URL.replace("shouwang_owner:", "shouwang_owner:x")
    ),
    "unverified database": lambda: setting(
        "SHOUWANG_DATABASE_URL",
        URL.replace("@localhost", "@broker.example.org").replace("verify-full", "require"),
    ),
    "ingest killed": lambda: stopped("shouwang-ingest@0"),
    "issuer killed": lambda: stopped("shouwang-issuer"),
    "lists killed": lambda: both(
        stopped("shouwang-lists-mosquitto"),
        sql("UPDATE broker_store SET seen_at = seen_at - interval '2 minutes'", "SELECT"),
    ),
    "notify nowhere": lambda: both(disabled("notify@0"), disabled("notify@1")),
    "no dispatch": lambda: both(
        stopped("shouwang-dispatch@0"),
        stopped("shouwang-dispatch@1"),
        sql("UPDATE dispatch_worker SET seen_at = seen_at - interval '1 hour'", "SELECT"),
    ),
    "no roster": lambda: sql(
        "CREATE TABLE kept AS TABLE roster; DELETE FROM roster",
        "INSERT INTO roster OVERRIDING SYSTEM VALUE SELECT * FROM kept; DROP TABLE kept",
    ),
    "no channel's secret": lambda: setting("SHOUWANG_SMS_TOKEN", ""),
    "old backup": lambda: sql(
        "UPDATE backup_report SET well_at = well_at - interval '2 days'",
        "UPDATE backup_report SET well_at = well_at + interval '2 days'",
    ),
    "failed backup": lambda: sql("UPDATE backup_report SET good = false", "UPDATE backup_report SET good = true"),
}  # fmt: skip


@contextmanager
def both(*parts: object) -> Iterator[None]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(part)  # type: ignore[arg-type]
        yield


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Put a disk of 1 MB over the folder, without a free byte."""
    run("mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "tmpfs", str(folder))
    fill(folder / "ballast")
    yield
    run("umount", str(folder))


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


@contextmanager
def full_tablespace() -> Iterator[None]:
    """Let the rows that the doctor writes lie on a disk of their own that has no free byte."""
    folder = Path("/srv/small")
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    (folder / "space").mkdir()
    run("chown", "postgres:", str(folder / "space"))
    folder.chmod(0o755)
    with (
        sql(f"CREATE TABLESPACE small LOCATION '{folder}/space'", "DROP TABLESPACE small"),
        sql(
            "TRUNCATE doctor_check; ALTER TABLE doctor_check SET TABLESPACE small",
            "ALTER TABLE doctor_check SET TABLESPACE pg_default",
        ),
    ):
        fill(folder / "ballast")
        yield
        (folder / "ballast").unlink()
    run("umount", str(folder))


@contextmanager
def open_files(limit: int) -> Iterator[None]:
    drop_in = Path("/etc/systemd/system/mosquitto.service.d/shouwang.conf")
    with replaced(drop_in, drop_in.read_bytes().replace(b"LimitNOFILE=65536", b"LimitNOFILE=%d" % limit)):
        run("systemctl", "restart", "mosquitto")
        yield
    run("systemctl", "restart", "mosquitto")


@contextmanager
def taken_away() -> Iterator[None]:
    acl = ETC / "broker" / "acl"
    before = acl.read_text()
    run("systemctl", "stop", "shouwang-lists-mosquitto")
    acl.write_text(before.replace("topic read probe/v1/svc-console\n", ""))
    run("systemctl", "reload", "mosquitto")
    yield
    acl.write_text(before)
    run("systemctl", "reload", "mosquitto")
    run("systemctl", "start", "shouwang-lists-mosquitto")


def main(names: list[str]) -> None:
    found = {}
    for name in names or list(BREAKS):
        with BREAKS[name]():  # type: ignore[attr-defined]
            found[name] = [[row.what, row.text] for row in doctor.checks() if not row.good]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
