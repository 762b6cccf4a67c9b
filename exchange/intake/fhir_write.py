"""Routes of FHIR by which other systems bring observations: one, or a bundle."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from care_network.access.machine_tokens import MachineScope
from exchange.fhir.answers import ANSWERS, base_of
from exchange.fhir.answers import fhir as answer
from exchange.fhir.read_signs import OBSERVATION
from exchange.intake.reading import Refused, read
from exchange.intake.storing import Intake, Taken
from exchange.shell.access import Asking, scoped
from exchange.shell.errors import FHIR_JSON, ExchangeError, outcome, pick
from exchange.shell.state import Exchange, Shared
from ingest.quarantine.refusals import Code
from observability import metrics

router = APIRouter(prefix="/fhir", tags=["FHIR"])
MOST_ENTRIES = 5000
ISSUES = {
    Code.UNKNOWN_PATIENT: "not-found", Code.UNKNOWN_GATEWAY: "not-found", Code.UNKNOWN_CHANNEL: "code-invalid",
    Code.WRONG_UNIT: "code-invalid", Code.CONTRADICTION: "conflict",
}  # fmt: skip
SENT = {
    "resourceType": "Observation", "status": "final",
    "identifier": [{"system": "urn:hospital:measurement", "value": "4711"}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}, "subject": {"reference": "Patient/7"},
    "effectiveDateTime": "2026-11-29T08:00:00+08:00",
    "valueQuantity": {"value": 72, "system": "http://unitsofmeasure.org", "code": "/min"},
}  # fmt: skip
BATCH = {
    "resourceType": "Bundle", "type": "batch",
    "entry": [{"resource": SENT, "request": {"method": "POST", "url": "Observation"}}],
}  # fmt: skip
ANSWERED = {
    "resourceType": "Bundle", "type": "batch-response",
    "entry": [{"response": {"status": "201 Created", "location": "Observation/112-1793440800000000"}}],
}  # fmt: skip
_UNPROCESSABLE: dict[int | str, dict[str, Any]] = {
    422: {
        "description": "not taken: it lies in the quarantine with its reason",
        "content": {FHIR_JSON: {"example": outcome("code-invalid", "unknown code: http://loinc.org|1-8")}},
    }
}


def body_of(sent: dict[str, Any]) -> dict[str, Any]:
    """The request's body for the OpenAPI document, with an example."""
    content = {FHIR_JSON: {"schema": {"type": "object"}, "example": sent}}
    return {"requestBody": {"required": True, "content": content}}


class _Undone(Exception):  # noqa: N818 - takes a transaction's rows back
    pass


Verdict = Taken | Refused | tuple[int, str, str]
"""(status, Chinese, English) of an entry that asks for something else."""


@router.post(
    "/Observation", status_code=201,
    responses={
        201: {"description": "taken", "content": {FHIR_JSON: {"example": OBSERVATION}}},
        200: {"description": "it was taken before", "content": {FHIR_JSON: {"example": OBSERVATION}}},
        **ANSWERS, **_UNPROCESSABLE,
    },
    openapi_extra=body_of(SENT),
)  # fmt: skip
async def create(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.OBSERVATION_WRITE)]
) -> Response:
    """Take one observation."""
    resource = parsed(await request.body())
    (verdict,) = await run_in_threadpool(_take_all, exchange, asking, [resource], together=False)
    if isinstance(verdict, Taken):
        location = {"Location": f"{base_of(exchange, request)}/Observation/{verdict.id}"}
        if verdict.outcome == "new":
            return answer({**resource, "id": verdict.id}, 201, location)
        text = pick(request, "此前已收到", "it was taken before")
        return answer(outcome("duplicate", text, "information"), 200, location)
    status, issue = _words(request, verdict)
    return answer(issue, status)


@router.post(
    "",
    responses={
        200: {"description": "an answer for each entry", "content": {FHIR_JSON: {"example": ANSWERED}}},
        **ANSWERS, **_UNPROCESSABLE,
    },
    openapi_extra=body_of(BATCH),
)  # fmt: skip
async def bundle(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped(MachineScope.OBSERVATION_WRITE)]
) -> Response:
    """Take a bundle of observations: of a batch each by itself, of a transaction all or none."""
    body = parsed(await request.body())
    kind, entries = body.get("type"), body.get("entry", [])
    if body.get("resourceType") != "Bundle" or kind not in ("batch", "transaction") or not isinstance(entries, list):
        raise ExchangeError(
            400,
            en="send a Bundle of type batch or transaction; one observation goes to /fhir/Observation",
            zh="请发送类型为 batch 或 transaction 的 Bundle；单条观测请发到 /fhir/Observation",
        )
    if len(entries) > MOST_ENTRIES:
        raise ExchangeError(413, en=f"a bundle has {MOST_ENTRIES} entries at most", zh=f"一次最多 {MOST_ENTRIES} 条")
    verdicts = await run_in_threadpool(
        _take_all, exchange, asking, entries, together=kind == "transaction", bundled=True
    )
    if kind == "transaction" and not all(isinstance(one, Taken) for one in verdicts):
        issues = [
            {**_words(request, one)[1]["issue"][0], "expression": [f"Bundle.entry[{place}]"]}
            for place, one in enumerate(verdicts)
            if not isinstance(one, Taken)
        ]
        return answer({"resourceType": "OperationOutcome", "issue": issues}, 422)
    answers = [{"response": _response(request, one)} for one in verdicts]
    found: dict[str, Any] = {"resourceType": "Bundle", "type": f"{kind}-response"}
    return answer(found | ({"entry": answers} if answers else {}))


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises ExchangeError."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExchangeError(
            400, en=f"this is no JSON: {str(error)[:200]}", zh="请求内容不是有效的 JSON", code="structure"
        ) from error
    if not isinstance(found, dict):
        raise ExchangeError(400, en="a JSON object is awaited", zh="请求内容应为 JSON 对象", code="structure")
    return found


def _take_all(
    exchange: Exchange, asking: Asking, items: Sequence[Any], *, together: bool, bundled: bool = False
) -> list[Verdict]:
    machine = asking.machine
    with exchange.database(asking.shown) as conn:
        now = dt.datetime.now(dt.UTC)
        intake = Intake(conn, machine.token_id, machine.account.id, machine.account.login, now)
        verdicts: list[Verdict] = []
        try:
            with conn.transaction():
                verdicts = [_take(intake, item, bundled=bundled) for item in items]
                if together and not all(isinstance(one, Taken) for one in verdicts):
                    raise _Undone
        except _Undone:
            intake.forget()
        intake.finish(exchange.quarantine)
        taken = [one for one in verdicts if isinstance(one, Taken)]
        kept = [] if together and len(taken) < len(verdicts) else taken
        asking.seen(
            conn, {one.resident_id for one in kept}, len(kept), written=True,
            what={"refused": len(intake.refusals), "repeated": sum(one.outcome == "repeated" for one in kept)},
        )  # fmt: skip
    exchange.written()
    count(kept, len(intake.refusals))
    return verdicts


def count(taken: Sequence[Taken], refused: int) -> None:
    """Show in the metrics what became of observations."""
    for word in ("new", "repeated"):
        metrics.observations_taken.labels(outcome=word).inc(sum(one.outcome == word for one in taken))
    metrics.observations_taken.labels(outcome="refused").inc(refused)


def _take(intake: Intake, item: Any, *, bundled: bool) -> Verdict:
    resource = item
    if bundled:
        wish = item.get("request") if isinstance(item, dict) else None
        if not isinstance(wish, dict) or (wish.get("method"), wish.get("url")) != ("POST", "Observation"):
            return (
                405,
                "只接受 request 为 POST Observation 的条目",
                "only entries with the request POST Observation are taken",
            )
        resource = item.get("resource")
    try:
        return intake.take(read(resource, intake.now_us))
    except Refused as refused:
        intake.refuse(refused, msgspec.json.encode(resource))
        return refused


def _words(request: Request, verdict: Refused | tuple[int, str, str]) -> tuple[int, dict[str, Any]]:
    if isinstance(verdict, tuple):
        return verdict[0], outcome("not-supported", pick(request, verdict[1], verdict[2]))
    text = pick(request, f"未采用，已进入待查数据：{verdict.zh}", f"not taken, it lies in the quarantine: {verdict.en}")
    return 422, outcome(ISSUES.get(verdict.code, "value"), text)


def _response(request: Request, verdict: Verdict) -> dict[str, Any]:
    if isinstance(verdict, Taken):
        found: dict[str, Any] = {"status": "201 Created", "location": f"Observation/{verdict.id}"}
        if verdict.outcome == "repeated":
            text = pick(request, "此前已收到", "it was taken before")
            found |= {"status": "200 OK", "outcome": outcome("duplicate", text, "information")}
        return found
    status, issue = _words(request, verdict)
    return {"status": f"{status} {'Method Not Allowed' if status == 405 else 'Unprocessable Entity'}", "outcome": issue}
