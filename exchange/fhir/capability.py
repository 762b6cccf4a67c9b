"""Abilities of this server, as FHIR's CapabilityStatement; without a login."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.fhir.answers import base_of, example
from exchange.fhir.answers import fhir as answer
from exchange.shell.state import Shared

router = APIRouter(prefix="/fhir", tags=["FHIR"])
FHIR_VERSION = "4.0.1"
_PARAMETERS: dict[str, dict[str, str]] = {
    "Patient": {"_id": "token", "identifier": "token"},
    "Device": {"_id": "token", "identifier": "token", "patient": "reference"},
    "DeviceMetric": {"_id": "token", "source": "reference", "type": "token"},
    "Observation": {
        "_id": "token", "patient": "reference", "subject": "reference", "code": "token", "category": "token",
        "date": "date", "_lastUpdated": "date",
    },
    "DetectedIssue": {"_id": "token", "patient": "reference", "identified": "date", "_lastUpdated": "date"},
    "Flag": {
        "_id": "token", "patient": "reference", "subject": "reference", "date": "date", "status": "token",
        "_lastUpdated": "date",
    },
}  # fmt: skip
KNOWN_SINCE = (
    "_lastUpdated and _since mean when the platform came to know of a reading, which may be days after it was measured"
    " (a home that was cut off). Ask again with the moment of the last request: readings of up to 10 minutes before it,"
    " and of quarters of an hour, are given again under the same id. A page may have fewer entries than _count, or none"
    " at all,"
    " and still a link 'next': follow it to its end."
)
_SAID = {
    "_lastUpdated": "also as _since: from then on; see the documentation of the resource",
    "_id": "several with commas",
    "patient": "Patient/7, or 7; several with commas",
    "date": "ge2026-11-01, lt2026-11-02T08:00:00+08:00; without a zone: Shanghai's",
}
_DEFINITION = "http://hl7.org/fhir/OperationDefinition"
_BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"


def statement(base: str) -> dict[str, Any]:
    """The statement of the server at this address."""
    resources = []
    for kind, parameters in _PARAMETERS.items():
        interactions = ["read", "search-type", *(["create"] if kind == "Observation" else [])]
        resource: dict[str, Any] = {
            "type": kind,
            "interaction": [{"code": one} for one in interactions],
            "searchParam": [
                {"name": name, "type": sort, **({"documentation": _SAID[name]} if name in _SAID else {})}
                for name, sort in parameters.items()
            ],
        }
        if kind == "Observation":
            resource["documentation"] = KNOWN_SINCE
        if kind == "Patient":
            resource["operation"] = [
                {"name": "everything", "definition": f"{_DEFINITION}/Patient-everything"},
                {"name": "export", "definition": f"{_BULK}/patient-export"},
            ]
        resources.append(resource)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-29",
        "publisher": "Shouwang",
        "kind": "instance",
        "software": {"name": "Shouwang exchange"},
        "implementation": {"description": "Shouwang: residents of a district who live at home", "url": base},
        "fhirVersion": FHIR_VERSION,
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "Authorization: Bearer with a token of the district, with scopes"},
                "resource": resources,
                "interaction": [{"code": "batch"}, {"code": "transaction"}],
                "operation": [{"name": "export", "definition": f"{_BULK}/export"}],
            }
        ],
    }


@router.get("/metadata", responses={200: example(statement("https://exchange.example.org/fhir"))[200]})
def metadata(request: Request, exchange: Shared) -> Response:
    """The CapabilityStatement."""
    return answer(statement(base_of(exchange, request)))
