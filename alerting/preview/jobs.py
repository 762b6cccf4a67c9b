"""Previews that run for accounts: one at a time in a process of its own, bounded in time, with their progress."""

import contextlib
import contextvars
import datetime as dt
import os
import pickle
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import psycopg
import structlog

from alerting.preview import keeping
from alerting.preview.counting import Counts, Work
from alerting.preview.keeping import DAYS, LEARN, SAMPLE, SECONDS, Preview
from alerting.replay.stored import load
from alerting.tuning import effect, sheet
from alerting.tuning.catalogue import check, named
from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.errors import NotFoundError, ProvisioningError

log = structlog.get_logger(__name__)
KEPT = 20
"""Previews that this process remembers; the database has them all."""


class Previews:
    """The previews of one console process. Threads share it."""

    def __init__(self) -> None:
        self._kept: dict[str, Preview] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def begin(
        self,
        database: Callable[[], contextlib.AbstractContextManager[psycopg.Connection[Any]]],
        account: Account,
        scope: str,
        key: str,
        name: str,
        value: float,
        at: dt.datetime,
        origin: str,
    ) -> str:
        """Begin one, audited; gives its id. Raises ProvisioningError: outside limits, not permitted, too many wait."""
        require(account, Action.VIEW_LIMITS)
        require(account, sheet.ACTION_OF.get(scope, Action.SET_DISTRICT_LIMITS))
        require(account, Action.VIEW_VITALS)
        parameter = named(name)
        if parameter.district_only:
            raise ProvisioningError(
                en=f"{name} is no parameter of a detector: a replay says nothing of it",
                zh=f"{name} 不是检测器的阈值，无法重放预览",
            )
        with database() as conn:
            target = sheet.find_target(conn, account, scope, key)
            layers = sheet.load_layers(conn)
            check(name, value, layers.values(*target.around))
            people = effect.living(conn, target.place, account)
            changed = effect.changing(layers, effect.with_value(layers, target.place, name, value), people, name)
            chance = random.Random(f"{name} {value}")  # noqa: S311 - a sample, the same at each try
            chosen = sorted(chance.sample(changed, min(SAMPLE, len(changed))))
            codes = dict(conn.execute("SELECT id, code FROM resident WHERE id = ANY(%s)", (chosen,)).fetchall())
            for number in chosen:
                audit(conn, account, "preview_parameter", at=at, resident_id=number, origin=origin,
                      detail={"name": name, "value": value, "days": DAYS})  # fmt: skip
        preview = Preview(
            id=uuid.uuid4().hex, account_id=account.id, scope=scope, key=key, name=name, value=value, counts=[],
            sample=len(chosen), group=len(changed),
        )  # fmt: skip
        with self._lock:
            if sum(one.state in ("waits", "runs") for one in self._kept.values()) >= 3:
                raise ProvisioningError(
                    en="three previews are under way; try again in a minute", zh="已有三项预览在进行，请一分钟后再试"
                )
            self._kept[preview.id] = preview
            while len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)))
        with database() as conn:
            keeping.keep(conn, preview)
        context = contextvars.copy_context()  # the thread asks the database as the viewer does
        work = [(number, codes[number]) for number in chosen if number in codes]
        threading.Thread(
            target=lambda: context.run(self._run, database, preview, work, at), name="preview", daemon=True
        ).start()
        return preview.id

    def get(self, conn: psycopg.Connection[Any], account: Account, preview_id: str) -> Preview:
        """One of the account's own, also of a process before this one. Raises NotFoundError."""
        with self._lock:
            found = self._kept.get(preview_id)
        if found is None:
            found = keeping.kept(conn, account, preview_id)
        if found is None or found.account_id != account.id:
            raise NotFoundError(en="there is no such preview any more; begin it again", zh="预览已不存在，请重新开始")
        return found

    def _run(self, database: Any, preview: Preview, people: Sequence[tuple[int, str]], at: dt.datetime) -> None:
        with self._turn:
            preview.state = "runs"
            try:
                for number, (resident, code) in enumerate(people):
                    preview.done = number
                    counts = self._one(database, preview, resident, code, at)
                    if counts is None:
                        preview.empty += 1
                    else:
                        preview.counts.append(counts)
                    preview.share = (number + 1) / len(people)
                preview.done, preview.share, preview.state = len(people), 1.0, "done"
            except Exception as error:  # whatever it is, the page has to say that nothing comes any more
                log.exception("a preview failed", name=preview.name, error=str(error))
                preview.words_zh, preview.words_en = "重放没有成功，请稍后再试", "the replay failed; try again later"
                preview.state = "failed"
            try:
                with database() as conn:
                    keeping.keep(conn, preview)
            except Exception as error:  # it is shown as long as this process lives
                log.warning("the result of a preview is not kept", error=str(error))

    def _one(self, database: Any, preview: Preview, resident: int, code: str, at: dt.datetime) -> Counts | None:
        """Replay one resident's home; None where nothing is stored. Raises TimeoutExpired where it takes too long."""
        since = at - dt.timedelta(days=DAYS)
        with database() as conn:
            conn.execute("SET LOCAL timezone TO 'UTC'")
            try:
                recording, _ = load(conn, [code], since - LEARN, at)
            except (ValueError, LookupError):
                return None
        work = Work(recording, frozenset({resident}), {preview.name: preview.value}, round(since.timestamp() * 1e6))
        with _shares(preview) as sink:
            done = subprocess.run(
                [sys.executable, "-m", "alerting.preview", str(sink)], input=pickle.dumps(work),
                stdout=subprocess.PIPE, timeout=SECONDS, pass_fds=(sink,), check=False,
            )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the replay of {code} ended with {done.returncode}")
        return msgspec.json.decode(done.stdout, type=Counts)


@contextlib.contextmanager
def _shares(preview: Preview) -> Iterator[int]:
    """Lend the end of a pipe to which the replay writes the share that is done; the preview has it at once."""
    begin = preview.share
    source, sink = os.pipe()

    def follow() -> None:
        with os.fdopen(source) as lines:
            for line in lines:
                preview.share = begin + float(line) / max(1, preview.sample)

    reader = threading.Thread(target=follow, name="preview-share", daemon=True)
    reader.start()
    try:
        yield sink
    finally:
        os.close(sink)
        reader.join()
