"""Home care beds as people work on them: with permission, in their area, on the version they read, and audited."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, in_area, may_do, require
from care_network.access.visible import may_see
from care_network.catalogues.ability import GRADES
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.records.history import changes
from care_network.records.residents import number_of, resident_id
from care_services.core.acting import Acting
from care_services.core.facts import check_here
from care_services.grants.ending import Why
from care_services.home_beds import effects, life, services, store
from care_services.home_beds.catalogue import PLANS, SURVEY, due_of
from care_services.home_beds.effects import Again, Stop
from care_services.home_beds.life import Facts
from care_services.home_beds.services import BedService, Chosen, Offered
from care_services.home_beds.store import Answer, Bed, Check, Contract, PlannedDevice, StepRow
from care_services.home_beds.terms import Terms, begin_of, end_of, first_check, next_due, read_terms, recheck
from vocabulary.times import SHANGHAI

UNDO = dt.timedelta(seconds=30)
LATE = dt.timedelta(seconds=15)
"""A press on "undo" that was made in time and came late still counts."""
SURVEY_STATES = ("present", "needed", "refused", "done")
MOST_NOTE = 500


class BedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A bed with everything that belongs to it."""

    bed: Bed
    steps: tuple[StepRow, ...]
    answers: Mapping[str, Answer]
    devices: tuple[PlannedDevice, ...]
    contracts: tuple[Contract, ...]
    checks: tuple[Check, ...]
    services: tuple[BedService, ...]
    facts: Facts

    def english(self, name: str) -> str | None:
        """The English name of somebody who took a step of this bed; None: nobody of that name did."""
        return next((one.actor_en for one in self.steps if one.actor == name and one.actor_en), None)

    def undoable(self, account: Account, now: dt.datetime) -> StepRow | None:
        """The last step, where this account may take it back now."""
        return undoable(self.steps, account, now)


def undoable(steps: tuple[StepRow, ...], account: Account, now: dt.datetime) -> StepRow | None:
    """The last step of a history, where this account took it within 30 s and it can be taken back."""
    last = next((one for one in reversed(steps) if one.step in life.STEPS or one.step == "undo"), None)
    if last is None or last.step == "undo" or last is not steps[-1] or last.account_id != account.id:
        return None
    return last if life.STEPS[last.step].undo and now - last.at <= UNDO else None


class Beds:
    """The beds that one account may reach, at one moment. ``origin``: where it works from, for the audit."""

    def __init__(self, conn: Connection[Any], account: Account, *, at: dt.datetime, origin: str = "") -> None:
        self._conn, self._account, self._at, self._origin = conn, account, at, origin

    def apply(self, resident: str, applicant: str, organisation: str | None = None, note: str = "") -> int:
        """Enter an application for a resident; gives its number.

        Raises NotFoundError for a resident elsewhere, ProvisioningError where they have a bed already.
        """
        require(self._account, Action.MANAGE_BEDS)
        if not applicant.strip():
            raise ProvisioningError(en="say who applies", zh="请填写申请人", field="applicant")
        with self._conn.transaction():
            number = self._resident(resident)
            check_here(self._conn, number, "resident")
            if organisation:
                self._organisation(organisation)
            bed = store.insert(
                self._conn, number, organisation or None, applicant.strip()[:80], self._at, due_of("applied", self._at)
            )
            if bed is None:
                raise ProvisioningError(
                    en=f"{resident} has a home care bed, or an application on its way; see there",
                    zh=f"{resident} 已有家庭养老床位或在办申请，请在原申请上办理",
                    field="resident",
                )
            self._record(bed, "apply", ("", "applied"), note)
            self._trace("change_bed", number, {"bed": bed, "step": "apply"})
        return bed

    def bed(self, bed_id: int, *, audited: bool = True, action: str = "view_bed") -> BedFile:
        """Read a bed with everything. Raises NotFoundError where none is in the account's area."""
        require(self._account, Action.VIEW_CARE)
        with self._conn.transaction():
            found = self._found(bed_id)
            if audited:
                self._trace(action, found.resident_id, {"bed": bed_id})
            return self._file(found)

    def beds_of(self, resident: str) -> list[Bed]:
        """The beds of a resident, the newest first. Raises NotFoundError for one elsewhere."""
        require(self._account, Action.VIEW_CARE)
        with self._conn.transaction():
            number = self._resident(resident)
            self._trace("view_bed", number, {"beds": True})
            return store.of_resident(self._conn, number)

    def step(
        self, bed_id: int, version: int, code: str, reason: str = "", terms: Terms | None = None,
        until: dt.date | None = None, since: dt.date | None = None, chosen: Sequence[Chosen] = (),
        shown: str | None = None,
    ) -> str:  # fmt: skip
        """Take a step; gives the new state. ``terms``: of a contract; ``until``: when a suspension is expected to end.

        ``since``: the day from which a bed is suspended, closed or in service again, today unless it is given.
        ``chosen``: the services of a contract. ``shown``: the figures of :meth:`stops` that were confirmed; others mean
        that something changed meanwhile. Raises ChangedMeanwhileError where the bed is another by now,
        ProvisioningError where something is missing.
        """
        step = life.STEPS.get(code)
        if step is None:
            raise NotFoundError(en="there is no such step", zh="没有这种操作")
        require(self._account, step.action)
        with self._changing(bed_id, version) as bed:
            file = self._file(bed)
            contract = self._contract(bed, terms) if code in ("sign", "renew") else None
            facts = msgspec.structs.replace(file.facts, has_contract=contract is not None, reason=reason)
            if bed.state in step.before and [en for _, en in life.problems(code, facts)] == [life.NO_REASON[1]]:
                raise ProvisioningError(en=life.NO_REASON[1], zh=life.NO_REASON[0], field="reason")
            after = life.after(bed.state, code, facts)
            detail: dict[str, Any] = {"since": bed.state_since.isoformat(), "due": _iso(bed.due_at)}
            values: dict[str, Any] = {}
            if after != bed.state:
                values |= {"state": after, "state_since": self._at, "due_at": due_of(after, self._at)}
            if code == "assess":
                values["ability_grade"] = detail["grade"] = bed.grade_now
            if contract is not None:
                check = first_check(contract.begins_on, contract.plan) if code == "sign" else bed.next_check_on
                values |= {"contract_until": contract.ends_on, "next_check_on": check}
                values["due_at"] = bed.due_at if bed.state == "suspended" else next_due(check, contract.ends_on)
                detail["contract"] = contract.number
            if code in ("suspend", "close"):
                day = self._day(bed, since)
                detail |= self._stop(bed, day, "suspended" if code == "suspend" else "closed", reason, shown)
                values["state_since"] = min(self._at, max(bed.state_since, begin_of(day)))
            if code == "suspend":
                if until is not None and until < self._today:
                    raise ProvisioningError(en="the day of return is over", zh="预计返回日期已过", field="until")
                if until is not None:
                    values["due_at"], detail["until"] = end_of(until), until.isoformat()
            if code == "resume":
                day = self._day(bed, since)
                detail |= effects.start_again(
                    self._conn, self._acting, bed, effects.of_again(self._conn, self._acting, bed, file.steps), day
                )
                check = max(bed.next_check_on or self._today, self._today + dt.timedelta(days=7))
                values |= {"next_check_on": check, "due_at": next_due(check, bed.contract_until)}
                detail["check"] = _iso(bed.next_check_on)
            self._move(bed, after, code, values, reason, detail)
            if contract is not None:
                if code == "renew":
                    services.lead_on(self._conn, self._acting, bed.id, contract.ends_on)
                services.make(
                    self._conn, self._acting, bed, contract.id, chosen, contract.begins_on, contract.ends_on
                )  # fmt: skip
        return after

    def stops(self, bed: Bed, since: dt.date | None = None, why: Why = "suspended") -> Stop:
        """All that would stop with a bed from a day on, with its amounts. ``bed``: of :meth:`bed`."""
        return effects.of_stop(self._conn, self._acting, bed.resident_id, bed.id, self._day(bed, since), why)

    def starts_again(self, file: BedFile) -> Again:
        """All that would start again with a bed that is suspended."""
        return effects.of_again(self._conn, self._acting, file.bed, file.steps)

    def offers(self, bed: Bed) -> list[Offered] | None:
        """The services that the approved plan asks for and that the bed has none of; None: no plan is approved."""
        return services.offered(self._conn, self._acting, bed, self._today)

    def add_services(self, bed_id: int, version: int, chosen: Sequence[Chosen]) -> int:
        """Make service plans for a bed that stands, such as when the plan was approved after the contract."""
        require(self._account, Action.MANAGE_BEDS)
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, ("in_service",))
            contract = next(iter(store.contracts(self._conn, bed_id)), None)
            if contract is None:
                raise ProvisioningError(en="there is no contract", zh="尚无合同，请先续签")
            new = services.make(
                self._conn, self._acting, bed, contract.id, chosen, self._today, contract.ends_on
            )  # fmt: skip
            self._move(bed, bed.state, "services", {}, "", {"plans": new})
        return len(new)

    def undo(self, bed_id: int, version: int) -> str:
        """Take one's own last step back, within 30 s; gives the state. Raises ProvisioningError where that is over."""
        require(self._account, Action.MANAGE_BEDS)
        with self._changing(bed_id, version) as bed:
            last = undoable(tuple(store.steps(self._conn, bed_id)), self._account, self._at - LATE)
            if last is None:
                raise ProvisioningError(
                    en="it can be taken back within 30 s, by whoever did it; take the next step instead",
                    zh="只能由本人在 30 秒内撤销，请改用下一步操作",
                )
            values: dict[str, Any] = {
                "state": last.from_state, "state_since": _moment(last.detail.get("since")) or self._at,
                "due_at": _moment(last.detail.get("due")),
            }  # fmt: skip
            if last.step == "assess":
                values["ability_grade"] = None
            self._move(bed, last.from_state, "undo", values, "", {"of": last.step})
        return last.from_state

    def answer(self, bed_id: int, version: int, answers: Mapping[str, tuple[str, str]]) -> None:
        """Write answers of the survey: (state, note) by item; what is given again unchanged is left as it was.

        Raises ProvisioningError for what is no item or no answer.
        """
        require(self._account, Action.MANAGE_BEDS)
        for item, (state, _) in answers.items():
            if item not in SURVEY or state not in SURVEY_STATES:
                raise ProvisioningError(en="this is no answer of the survey", zh="勘察清单没有这个选项", field=item)
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, ("surveying", "planning", "installing", "contracting", *life.BED_STANDS))
            before = store.answers(self._conn, bed_id)
            changed = {}
            for item, (state, note) in answers.items():
                old = before.get(item)
                note = note.strip()[:MOST_NOTE]
                if old is not None and (old.state, old.note) == (state, note):
                    continue
                new = Answer(item=item, state=state, note=note, at=self._at, actor=self._account.name_zh)
                store.answer(self._conn, bed_id, new)
                changed[item] = [old.state if old else None, state]
            if changed:
                self._move(bed, bed.state, "survey_items", {}, "", {"items": changed})

    def assign(self, bed_id: int, version: int, organisation: str) -> None:
        """Say which organisation carries the bed. Raises NotFoundError for one outside the account's area."""
        require(self._account, Action.MANAGE_BEDS)
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, life.STAGES)
            number = self._organisation(organisation)
            self._move(
                bed, bed.state, "assign", {"organisation_id": number}, "", {"organisation": organisation}
            )  # fmt: skip

    def check(self, bed_id: int, version: int, result: str, findings: str) -> dt.date:
        """Enter a quality check; gives the day of the next one: in 7 days where something has to be mended."""
        require(self._account, Action.MANAGE_BEDS)
        if result not in ("good", "mend"):
            raise ProvisioningError(en="choose the result of the check", zh="请选择检查结果", field="result")
        if result == "mend" and not findings.strip():
            raise ProvisioningError(en="say what has to be mended", zh="请填写需要整改的内容", field="findings")
        with self._changing(bed_id, version) as bed:
            self._must_be(bed, ("in_service",))
            again = recheck(self._today, bed.ability_grade, result)
            store.add_check(self._conn, bed_id, Check(
                id=0, due_on=bed.next_check_on or self._today, done_at=self._at, done_by=self._account.name_zh,
                result=result, findings=findings.strip()[:MOST_NOTE],
            ))  # fmt: skip
            values = {"next_check_on": again, "due_at": next_due(again, bed.contract_until)}
            self._move(bed, bed.state, "check", values, findings[:MOST_NOTE], {"result": result})
        return again

    def _stop(self, bed: Bed, day: dt.date, why: Why, reason: str, shown: str | None) -> dict[str, Any]:
        found = effects.of_stop(self._conn, self._acting, bed.resident_id, bed.id, day, why)
        if shown is not None and shown != found.shown:
            raise ChangedMeanwhileError(
                en="the day or the figures are others than those that were shown; look at them again, then confirm",
                zh="日期或金额与刚才显示的不同：请核对新的内容后再确认",
                field="since",
            )
        return effects.stop(self._conn, self._acting, bed.resident_id, bed.id, found, why, reason)

    def _day(self, bed: Bed, since: dt.date | None) -> dt.date:
        """The day from which a step holds: today, or an earlier one of the bed's present state."""
        if since is None:
            return self._today
        if not bed.state_since.astimezone(SHANGHAI).date() <= since <= self._today:
            first = bed.state_since.astimezone(SHANGHAI).date()
            raise ProvisioningError(
                en=f"choose a day from {first} to today", zh=f"请选择 {first} 至今天之间的日期", field="since"
            )
        return since

    # what the other desk of beds (devices) needs, too

    @contextmanager
    def _changing(self, bed_id: int, version: int) -> Iterator[Bed]:
        """A transaction in which the bed is held, as it was at ``version``."""
        with self._conn.transaction():
            self._found(bed_id)
            if store.lock(self._conn, bed_id) != version:
                raise ChangedMeanwhileError(
                    en="somebody else changed this bed meanwhile; look at it as it is now, and do it again",
                    zh="床位刚被他人修改：请查看现在的内容后重新操作",
                )
            yield self._found(bed_id)

    def _move(
        self, bed: Bed, after: str, step: str, values: dict[str, Any], reason: str, detail: dict[str, Any]
    ) -> None:
        """Change the row, write the line, keep the resident's record with it, and the audit."""
        if life.has_bed(after) != life.has_bed(bed.state):  # the database writes it into the record, in this name
            changes.act_as(self._conn, self._account, self._origin)
        store.move(self._conn, bed.id, values)
        self._record(bed.id, step, (bed.state, after), reason, detail)
        self._trace("change_bed", bed.resident_id, {"bed": bed.id, "step": step, "state": after})

    def _record(
        self, bed_id: int, step: str, states: tuple[str, str], reason: str = "", detail: dict[str, Any] | None = None
    ) -> None:
        store.record(
            self._conn, bed_id, step, states, self._account, self._at, self._origin, reason[:MOST_NOTE], detail
        )  # fmt: skip

    def _file(self, bed: Bed) -> BedFile:
        answers, devices = store.answers(self._conn, bed.id), tuple(store.planned(self._conn, bed.id))
        return BedFile(
            bed=bed, steps=tuple(store.steps(self._conn, bed.id)), answers=answers, devices=devices,
            contracts=tuple(store.contracts(self._conn, bed.id)), checks=tuple(store.checks(self._conn, bed.id)),
            services=tuple(services.of_bed(self._conn, bed.id, self._at)),
            facts=Facts(
                grade=bed.grade_now, survey_missing=sum(code not in answers for code in SURVEY),
                needed_first=tuple(
                    (one.zh, one.en) for code, one in SURVEY.items()
                    if one.before_service and code in answers and answers[code].state == "needed"
                ),
                planned=len(devices), not_accepted=sum(one.accepted_at is None for one in devices),
                lent=store.lent(self._conn, bed.id),
            ),
        )  # fmt: skip

    def _contract(self, bed: Bed, terms: Terms | None) -> Contract:
        """Check the terms, and write the contract down."""
        number, begins, ends, plan = read_terms(terms, bed.ability_grade, self._today)
        wanted = PLANS[plan]
        contract = Contract(
            id=0, number=number, begins_on=begins, ends_on=ends, plan=plan, visits_month=wanted.visits_month,
            hours_month=wanted.hours_month, signed_at=self._at, signed_by=self._account.name_zh,
        )  # fmt: skip
        number_of_it = store.add_contract(self._conn, bed.id, contract)
        if number_of_it is None:
            raise ProvisioningError(
                en="this number is that of another contract", zh="合同编号已被使用，请核对", field="number"
            )
        return msgspec.structs.replace(contract, id=number_of_it)

    def _must_be(self, bed: Bed, states: tuple[str, ...]) -> None:
        if bed.state not in states:
            zh, en = life.STATE_WORDS[bed.state]
            raise ChangedMeanwhileError(
                en=f"this cannot be done now: the bed is {en}", zh=f"床位现为“{zh}”，不能进行此操作"
            )  # fmt: skip

    def _found(self, bed_id: int) -> Bed:
        bed = store.load(self._conn, bed_id) if 0 < bed_id < 2**31 else None
        if bed is None or not may_see(self._conn, self._account, bed.resident_id):
            raise NotFoundError(en=f"there is no bed {bed_id} in your area", zh=f"您的管辖区域内没有床位 {bed_id}")
        return bed

    def _resident(self, code: str) -> int:
        """The number of a resident in the account's area; a look in vain is audited."""
        number = resident_id(self._conn, code)
        if number is None or not may_see(self._conn, self._account, number):
            hidden = number_of(self._conn, code)
            if hidden is not None:
                self._trace("refused_view_bed", hidden, {})
            raise NotFoundError(
                en=f"there is no resident {code!r} in your area", zh=f"您的管辖区域内没有老人 {code}", field="resident"
            )
        return number

    def _organisation(self, code: str) -> int:
        row = self._conn.execute(
            "SELECT a.path::text, o.id FROM organisation o JOIN area a ON a.id = o.area_id"
            " WHERE o.code = %s AND o.active",
            (code,),
        ).fetchone()
        if row is None or not in_area(self._account, row[0]):
            raise NotFoundError(
                en=f"there is no open organisation {code!r} in your area", zh=f"您的管辖区域内没有在用机构 {code}",
                field="organisation",
            )  # fmt: skip
        return int(row[1])

    def _trace(self, action: str, resident: int, detail: dict[str, Any]) -> None:
        audit(
            self._conn, self._account, action, at=self._at, resident_id=resident, origin=self._origin, detail=detail
        )  # fmt: skip

    @property
    def _acting(self) -> Acting:
        return Acting(self._account, self._at, self._origin)

    @property
    def _today(self) -> dt.date:
        return self._at.astimezone(SHANGHAI).date()


def may_take(account: Account, step: life.Step) -> bool:
    """Whether the account's role may take a step."""
    return may_do(account, step.action)


def grade_words(grade: str | None) -> tuple[str, str]:
    """An ability grade in Chinese and English."""
    return GRADES.get(grade or "", ("未评估", "not assessed"))


def _iso(value: dt.datetime | dt.date | None) -> str | None:
    return None if value is None else value.isoformat()


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
