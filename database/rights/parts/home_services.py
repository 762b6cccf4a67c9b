"""Rights on the tables of services at home, of requests by one tap, and of the rounds."""

from database.rights.conditions import ALL, PROVIDER, SERVING, STAFF, by, home, may, person, written
from database.rights.form import Part, Rights

_READ = (
    "care_service service_price service_plan service_plan_event service_order service_order_event service_press"
    " service_rating visit_code settlement settlement_line service_request service_request_event shut_door button_press"
)
_HISTORY = "service_plan_event service_order_event service_request_event"
"""Only added to."""
_ORDER, _REQUEST = "anchor.id = {table}.order_id", "anchor.id = {table}.request_id"

PART = Part(
    grants={
        "console": Rights(
            select=f"{_READ} care_round service_tally",
            insert=f"care_service service_price service_plan service_order service_press service_rating visit_code"
            f" settlement settlement_line service_request shut_door {_HISTORY}",
            update="care_service service_plan service_order service_press service_rating visit_code service_request"
            " shut_door button_press",
            functions="visits_named(timestamptz) provider_doors(timestamptz,timestamptz) provider_requests()"
            " provider_answers(integer,integer,timestamptz,integer,text,timestamptz)",
            columns=(
                (
                    "UPDATE",
                    "settlement",
                    "visits, minutes, amount_fen, subsidy_fen, own_fen, corrections, correction_fen, frozen",
                ),
            ),
        ),
        # the panel in a home
        "links": Rights(
            select=f"{_READ} care_round rule_book resident_trait",
            insert=f"service_order service_rating service_request visit_code service_press shut_door {_HISTORY}",
            update="service_order service_request service_press",
        ),
        # the rounds run beside the sweeper of work orders
        "orders": Rights(
            select=f"{_READ} care_round rule_book resident_trait service_tally",
            insert=f"service_order service_request care_round alert button_press {_HISTORY}",
            update="service_plan service_order service_request shut_door care_round",
            functions="service_tally_anew(date[]) visits_named(timestamptz)",
        ),
    },
    rows={
        "care_service": written(may("settle_services")),
        "service_price": written(may("settle_services")),
        "service_plan": {"ALL": person("service_plan.resident_id")},
        "service_plan_event": {"ALL": by("service_plan_event", "service_plan", "anchor.id = {table}.plan_id")},
        "service_order": {"ALL": f"({person('service_order.resident_id')} OR organisation_id = {PROVIDER})"},
        "shut_door": {"ALL": person("shut_door.resident_id")},
        "service_order_event": {"ALL": by("service_order_event", "service_order", _ORDER)},
        "service_press": {"ALL": by("service_press", "service_order", _ORDER)},
        "service_rating": {"ALL": person("service_rating.resident_id")},
        "visit_code": {"ALL": f"({STAFF} AND {home('visit_code.household_id')})"},
        "settlement": {"ALL": f"({ALL} OR organisation_id {SERVING} OR organisation_id = {PROVIDER})"},
        "settlement_line": {"ALL": by("settlement_line", "service_order", _ORDER)},
        "service_request": {"ALL": person("service_request.resident_id")},
        "button_press": {"ALL": f"({STAFF} AND {home('button_press.household_id')})"},
        "service_request_event": {"ALL": by("service_request_event", "service_request", _REQUEST)},
    },
    nobodys="care_round service_tally",
    told_by_families="service_order service_order_event service_rating service_request service_request_event",
    written_by_providers="service_order service_order_event",
    decisions={
        "read without a session: the catalogue of services and its prices; written by who settles": "care_service"
        " service_price",
        "by the person it is about": "service_plan service_rating service_request shut_door",
        "by the person it is about; people of a provider its own, without name and door": "service_order",
        "by the service plan it belongs to": "service_plan_event",
        "by the service order it belongs to": "service_order_event service_press settlement_line",
        "staff, by the home": "visit_code button_press",
        "by the request it belongs to": "service_request_event",
        "by the provider: of the area, or around it and serving it; its own people": "settlement",
        "read only, without a policy: counts, states of programs and devices, numbers of rows, and nobody's name,"
        " address or words": "care_round service_tally",
    },
    roles_that={"settle_services": ("admin", "lead", "manager")},
)
