"""Applications for grants as people work on them: settled at once by rules, else by a person, with the reason.

A decision stays as it was: with the rule, its version and the facts of that day. Facts that change later are shown
beside it, and a person stops a grant or not.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, require
from care_network.access.visible import may_see
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.records.residents import number_of, resident_id
from care_services.core import rule_book
from care_services.core.facts import check_here, facts_of
from care_services.core.money import in_yuan, yuan
from care_services.core.rules import RuleSet, Value
from care_services.grants import pausing, settling, store
from care_services.grants.kinds import KINDS, PER, Kind
from care_services.grants.pausing import Balance, Correction, Paused
from care_services.grants.settling import DECIDED_IN, Settled, amount_words, month_of, next_month
from care_services.grants.store import Application, GrantStep
from vocabulary.times import SHANGHAI

STATE_WORDS: Mapping[str, tuple[str, str]] = {
    "waiting": ("待人工核定", "waits for a person"), "approved": ("已同意", "approved"),
    "refused": ("不予同意", "refused"), "withdrawn": ("已撤回", "withdrawn"),
}  # fmt: skip
STEP_WORDS: Mapping[str, tuple[str, str]] = {
    "apply": ("提交申请", "applied"), "settle": ("规则核定（秒批）", "settled by the rules at once"),
    "wait": ("转人工核定", "given to a person"), "again": ("补充后重新核定", "looked at again with more facts"),
    "decide": ("人工核定", "decided by a person"), "withdraw": ("撤回", "withdrawn"), "stop": ("停发", "stopped"),
    "pause": ("随床位暂停发放", "paused with the bed"), "go_on": ("恢复发放", "paid again"),
    "end": ("终止发放", "ended"), "correct": ("登记追回或补发", "repayment written down"),
    "resume": ("恢复（离开登记已撤销）", "goes on: the person is here after all"),
}  # fmt: skip


class GrantFile(msgspec.Struct, frozen=True, kw_only=True):
    """An application with its history, and what has changed since it was decided."""

    application: Application
    steps: tuple[GrantStep, ...]
    changed: tuple[tuple[str, Value | None, Value | None], ...]
    """(fact, then, now); None: unknown. Empty for an application that waits."""
    paused: tuple[Paused, ...] = ()
    balance: Balance = Balance(paid_fen=0, due_fen=0, corrected_fen=0)
    corrections: tuple[Correction, ...] = ()


class Grants:
    """The applications that one account may reach, at one moment. ``origin``: where it works from, for the audit."""

    def __init__(self, conn: Connection[Any], account: Account, *, at: dt.datetime, origin: str = "") -> None:
        self._conn, self._account, self._at, self._origin = conn, account, at, origin

    def apply(self, kind: str, resident: str, applicant: str, form: Mapping[str, str]) -> int:
        """Enter an application, and settle it at once where the rules do; gives its number.

        Raises NotFoundError for a resident elsewhere, ProvisioningError with the field that is wrong.
        """
        require(self._account, Action.MANAGE_BEDS)
        found = kind_of(kind)
        if not applicant.strip():
            raise ProvisioningError(en="say who applies", zh="请填写申请人", field="applicant")
        stated = settling.read_form(found, form)
        with self._conn.transaction():
            person = self._resident(resident.strip())
            check_here(self._conn, person, "resident")
            number = store.insert(self._conn, kind, person, applicant.strip()[:80], self._at, stated)
            if number is None:
                raise ProvisioningError(
                    en=f"an application for it waits already for {resident}; decide on that one",
                    zh=f"{resident} 已有同类申请待核定，请在原申请上办理",
                    field="kind",
                )
            store.record(
                self._conn, number, "apply", "waiting", self._account, self._at, self._origin, "", {"form": stated}
            )
            self._settle(number, found, person, stated)
            self._trace("change_grant", person, {"application": number, "step": "apply", "kind": kind})
        return number

    def again(self, number: int, version: int, form: Mapping[str, str]) -> str:
        """Look at an application that waits once more, with what its form says now; gives its state."""
        require(self._account, Action.MANAGE_BEDS)
        with self._changing(number, version) as found:
            self._must_wait(found)
            check_here(self._conn, found.resident_id)  # the rules know no arrears: a person decides on those
            kind = kind_of(found.kind)
            stated = {**found.form, **settling.read_form(kind, form)}
            store.change(self._conn, number, {"form": stated})
            store.record(
                self._conn, number, "again", "waiting", self._account, self._at, self._origin, "", {"form": stated}
            )
            state = self._settle(number, kind, found.resident_id, stated)
            self._trace("change_grant", found.resident_id, {"application": number, "step": "again", "state": state})
        return state

    def decide(
        self, number: int, version: int, *, approve: bool, reason: str, amount: str = "", per: str = "once"
    ) -> None:  # fmt: skip
        """Decide on an application that waits, as a person, with a reason; ``amount`` in yuan.

        Of somebody who died or moved away since, what was due until then is approved as one amount, once: nothing is
        paid for the months after. Raises GoneError for an amount a month.
        """
        require(self._account, Action.APPROVE_BEDS)
        if not reason.strip():
            raise ProvisioningError(en="say why", zh="请填写理由", field="reason")
        fen = yuan(amount) if approve else 0
        if approve and (fen <= 0 or per not in PER):
            raise ProvisioningError(en="give the amount", zh="请填写金额", field="amount")
        with self._changing(number, version) as found:
            self._must_wait(found)
            if approve and per == "month":
                check_here(self._conn, found.resident_id, "per")
            facts = self._facts(kind_of(found.kind), found.resident_id, found.form, number)
            said_zh, said_en = amount_words(fen, per) if approve else ("", "")
            self._write(number, facts, None, Settled(
                state="approved" if approve else "refused", amount_fen=fen or None, per=per if approve else None,
                zh=f"{reason.strip()}：{said_zh}" if approve else reason.strip(),
                en=f"{reason.strip()}: {said_en}" if approve else reason.strip(),
            ), "person")  # fmt: skip
            state = "approved" if approve else "refused"
            store.record(
                self._conn, number, "decide", state, self._account, self._at, self._origin, reason,
                {"amount_fen": fen, "per": per} if approve else {},
            )  # fmt: skip
            self._trace("change_grant", found.resident_id, {
                "application": number, "step": "decide", "state": state, "amount_fen": fen or None,
            })  # fmt: skip

    def withdraw(self, number: int, version: int, reason: str) -> None:
        """Take an application that waits back, as the applicant asked."""
        require(self._account, Action.MANAGE_BEDS)
        if not reason.strip():
            raise ProvisioningError(en="say why", zh="请填写原因", field="reason")
        with self._changing(number, version) as found:
            self._must_wait(found)
            store.change(self._conn, number, {"state": "withdrawn", "due_at": None})
            store.record(
                self._conn, number, "withdraw", "withdrawn", self._account, self._at, self._origin, reason
            )  # fmt: skip
            self._trace("change_grant", found.resident_id, {"application": number, "step": "withdraw"})

    def stop(self, number: int, version: int, reason: str) -> dt.date:
        """Stop a grant that is paid each month, from the next month on; gives that month.

        The decision itself is not changed, nor what was paid.
        """
        require(self._account, Action.APPROVE_BEDS)
        if not reason.strip():
            raise ProvisioningError(en="say why", zh="请填写原因", field="reason")
        with self._changing(number, version) as found:
            if found.state != "approved" or found.per != "month" or found.pays_until is not None:
                raise ChangedMeanwhileError(en="it is not being paid", zh="该补贴不在发放中")
            until = next_month(self._today)
            store.change(self._conn, number, {"pays_until": until})
            store.record(
                self._conn, number, "stop", "approved", self._account, self._at, self._origin, reason,
                {"until": until.isoformat()},
            )  # fmt: skip
            self._trace("change_grant", found.resident_id, {"application": number, "step": "stop", "until": str(until)})
        return until

    def correct(self, number: int, version: int, amount: str, note: str, *, back: bool) -> None:
        """Write down that money of a monthly grant came back, or (not ``back``) was paid in addition; in yuan."""
        require(self._account, Action.APPROVE_BEDS)
        fen = yuan(amount)
        if fen <= 0:
            raise ProvisioningError(en="give the amount", zh="请填写金额", field="amount")
        if not note.strip():
            raise ProvisioningError(en="say how it was settled", zh="请填写方式与凭证", field="note")
        with self._changing(number, version) as found:
            open_fen = self._balance(found).open_fen
            if fen > (open_fen if back else -open_fen):
                left = in_yuan(max(0, open_fen if back else -open_fen))
                raise ProvisioningError(
                    en=f"this is more than what is open: {left} yuan", zh=f"超过未结金额 {left} 元", field="amount"
                )
            self._conn.execute(
                "INSERT INTO grant_correction (application_id, resident_id, amount_fen, note, at, account_id, actor)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (number, found.resident_id, fen if back else -fen, note.strip()[:400], self._at, self._account.id,
                 self._account.name_zh),
            )  # fmt: skip
            store.change(self._conn, number, {})
            store.record(
                self._conn, number, "correct", found.state, self._account, self._at, self._origin, note,
                {"amount_fen": fen if back else -fen},
            )  # fmt: skip
            self._trace("change_grant", found.resident_id, {
                "application": number, "step": "correct", "amount_fen": fen if back else -fen,
            })  # fmt: skip

    def _balance(self, found: Application) -> Balance:
        if found.per != "month" or found.amount_fen is None:
            return Balance(paid_fen=0, due_fen=0, corrected_fen=0)
        return pausing.balance(self._conn, found.id, found.amount_fen, found.pays_until)

    def application(self, number: int) -> GrantFile:
        """Read an application with its history. Raises NotFoundError where none is in the account's area."""
        require(self._account, Action.VIEW_CARE)
        with self._conn.transaction():
            found = self._found(number)
            self._trace("view_grant", found.resident_id, {"application": number})
            changed: tuple[tuple[str, Value | None, Value | None], ...] = ()
            if found.state in ("approved", "refused"):
                now = self._facts(kind_of(found.kind), found.resident_id, found.form, number)
                changed = tuple(settling.changed_facts(found.facts, now))
            return GrantFile(
                application=found, steps=tuple(store.steps(self._conn, number)), changed=changed,
                paused=tuple(pausing.paused(self._conn, number)), balance=self._balance(found),
                corrections=tuple(pausing.corrections(self._conn, number)),
            )  # fmt: skip

    def of_resident(self, resident: str) -> list[Application]:
        """The applications of a resident, the newest first. Raises NotFoundError for one elsewhere."""
        require(self._account, Action.VIEW_CARE)
        with self._conn.transaction():
            person = self._resident(resident)
            self._trace("view_grant", person, {})
            return store.of_resident(self._conn, person)

    def counts(self) -> dict[tuple[str, str], int]:
        """How many applications of the account's area there are by kind and state; see :func:`store.counts`."""
        require(self._account, Action.VIEW_CARE)
        return store.counts(self._conn, self._account.area_path or "", self._at)

    def listing(self, state: str = "waiting", kind: str = "", after: int = 0) -> list[Application]:
        """One page of a state's applications, and one more where there are more."""
        require(self._account, Action.VIEW_CARE)
        if state not in STATE_WORDS or (kind and kind not in KINDS):
            raise ProvisioningError(en="there is no such list", zh="没有这个列表", field="state")
        return store.listing(self._conn, self._account.area_path or "", state, kind, after)

    def _settle(self, number: int, kind: Kind, person: int, stated: Mapping[str, Value]) -> str:
        rules, version = self._rules(kind)
        facts = self._facts(kind, person, stated, number)
        settled = settling.settle(rules, facts)
        self._write(number, facts, version, settled, "rules")
        step = "wait" if settled.state == "waiting" else "settle"
        store.record(
            self._conn, number, step, settled.state, None, self._at, self._origin, settled.zh,
            {
                "rule": settled.rule, "version": version, "missing": settled.missing, "amount_fen": settled.amount_fen,
                "en": settled.en,
            },
        )  # fmt: skip
        return settled.state

    def _write(
        self, number: int, facts: Mapping[str, Value], rule_version: int | None, settled: Settled, by: str
    ) -> None:
        waiting = settled.state == "waiting"
        store.change(self._conn, number, {
            "state": settled.state, "facts": dict(facts), "missing": list(settled.missing),
            "rule": settled.rule, "rule_version": rule_version, "reason_zh": settled.zh, "reason_en": settled.en,
            "amount_fen": settled.amount_fen, "per": settled.per,
            "pays_from": month_of(self._today) if settled.state == "approved" else None,
            "settled_by": None if waiting else by, "decided_at": None if waiting else self._at,
            "due_at": self._at + DECIDED_IN if waiting else None,
        })  # fmt: skip

    def _rules(self, kind: Kind) -> tuple[RuleSet, int]:
        """The rules of today with their version; 0: those that come with the program."""
        versions = rule_book.versions(self._conn, kind.subject)
        version = next((one.version for one in versions if one.valid_from <= self._today), 0)
        return rule_book.current(self._conn, kind.subject, self._today), version

    def _facts(self, kind: Kind, person: int, stated: Mapping[str, Value], number: int) -> dict[str, Value]:
        known = facts_of(self._conn, [person], self._today).get(person, {})
        before = store.granted_before(self._conn, person, kind.code, self._today, besides=number)
        facts = {**known, **stated, "granted_before": before}
        return {name: value for name, value in facts.items() if name in kind.subject.facts}

    @contextmanager
    def _changing(self, number: int, version: int) -> Iterator[Application]:
        """A transaction in which the application is held, as it was at ``version``."""
        with self._conn.transaction():
            self._found(number)
            if store.lock(self._conn, number) != version:
                raise ChangedMeanwhileError(
                    en="somebody else worked on this application meanwhile; look at it as it is now",
                    zh="该申请刚被他人办理：请查看现在的内容后重新操作",
                )
            yield self._found(number)

    def _must_wait(self, found: Application) -> None:
        if found.state != "waiting":
            zh, en = STATE_WORDS[found.state]
            raise ChangedMeanwhileError(en=f"this application is {en} already", zh=f"该申请已是“{zh}”")

    def _found(self, number: int) -> Application:
        found = store.load(self._conn, number) if 0 < number < 2**31 else None
        if found is None or not may_see(self._conn, self._account, found.resident_id):
            raise NotFoundError(
                en=f"there is no application {number} in your area", zh=f"您的管辖区域内没有申请 {number}"
            )  # fmt: skip
        return found

    def _resident(self, code: str) -> int:
        number = resident_id(self._conn, code)
        if number is None or not may_see(self._conn, self._account, number):
            hidden = number_of(self._conn, code)
            if hidden is not None:
                self._trace("refused_view_grant", hidden, {})
            raise NotFoundError(
                en=f"there is no resident {code!r} in your area", zh=f"您的管辖区域内没有老人 {code}", field="resident"
            )
        return number

    def _trace(self, action: str, resident: int, detail: dict[str, Any]) -> None:
        audit(
            self._conn, self._account, action, at=self._at, resident_id=resident, origin=self._origin, detail=detail
        )  # fmt: skip

    @property
    def _today(self) -> dt.date:
        return self._at.astimezone(SHANGHAI).date()


def kind_of(code: str) -> Kind:
    """A kind of grant by its code. Raises ProvisioningError."""
    if code not in KINDS:
        raise ProvisioningError(en="choose a kind of grant", zh="请选择补贴种类", field="kind")
    return KINDS[code]
