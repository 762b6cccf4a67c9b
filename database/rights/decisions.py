"""Say for each table whose rows a viewer sees, in words: docs/access.md prints it, and a test holds it against ROWS."""

from collections.abc import Mapping

from database.rights.grants import BY_VIEWER, GRANTS, OWNER_ONLY
from database.rights.wing import PARTS

_DECISIONS: dict[str, str] = {
    "by the home's area; a family by its consent": "household resident alert pause gateway work_order",
    "by the person it is about": "contact family_member protection_now protection_change exchange_consent",
    "a medical note: by the person, to a role that may, while an alert of theirs is open": "medical_note",
    "by the gateway, and so by its home": "device series event panel quarantine pairing enrolment_code",
    "by the alert it belongs to": "alert_event alert_finding call_attempt visit_result field_press",
    "by the work order it belongs to": "work_order_event work_order_photo work_order_rating",
    "by all that it speaks of: nothing of it may lie outside the area": "message",
    "by the message it belongs to": "delivery_attempt outbox_entry",
    "by the alert, else by the message": "notification",
    "by the area it was offered for": "handover handover_alert",
    "by the area it was asked for, around one's own and in it": "desk_support",
    "by the organisation: of the area, or around it and serving it; or the person works, or within 90 days went,"
    " to homes there; a family: who comes to its home": "staff staff_certificate staff_location roster roster_exception"
    " duty_test roster_change",
    "by the recipient it is set for": "notification_preference",
    "a home's and a resident's by their area; the district's limits by anybody with a session, set by who may"
    " set them": "parameter_change",
    "by the gateway it is about, or who asked": "upkeep_request",
    "by the record's area at that time": "record_change",
    "an account: staff see staff, and families of their area; a family itself alone": "account",
    "one's own; an administrator's area": "session",
    "readers of the audit, by account or resident of their area; each adds lines under their own session": "audit",
    "one's own alone": "account_news checked_file threshold_preview push_subscription channel_test",
    "administrators, by the area of the token": "machine_token webhook webhook_delivery webhook_attempt",
    "read without a session: names of places, organisations and shifts, drawn outlines, rules of the ladder, nobody's"
    " data; written in one's own area, or by the role that may": "area organisation shift area_outline ground_map"
    " duty_warning escalation_policy policy_draft audit_check",
    "read only, without a policy: counts, states of programs and devices, numbers of rows, and nobody's name, address"
    " or words": "alembic_version alerting_worker audit_checkpoint backup_report certificate_expiry channel_ceiling"
    " device_firmware device_now dispatch_worker doctor_check figure_alert figure_blind figure_count figure_device"
    " figure_mark"
    " figure_model figure_month figure_people figure_person figure_place figure_rule figure_running figure_time"
    " figure_version figure_worker"
    " ingest_stream order_in_hand pack_due path_console path_proof program_offer program_rollout protection_gap"
    " protection_look"
    " protection_total record_history revoked_identity rollup_due sealed_entry sla_breach storage storage_sample"
    " stream_gap stream_missing",
    "read only, without a policy, because TimescaleDB cannot compress a table that has one: numbers of series, and"
    " whose a series is, is told by the viewer": "reading reading_hour reading_minute reading_open reading_pack"
    " reading_row rollup_hour rollup_minute",
}
for _part in PARTS:
    for _who, _tables in _part.decisions.items():
        _DECISIONS[_who] = f"{_DECISIONS.get(_who, '')} {_tables}".strip()
DECISIONS: Mapping[str, str] = _DECISIONS
"""Tables of the console by who sees a row of them. A further table gets a decision here, and a policy in
:data:`database.rights.row_security.ROWS` or a place among its NOBODYS."""


def others() -> frozenset[str]:
    """The tables on which the console's role has no right at all: other services', and the owner's own."""
    named = {service: rights.tables() for service, rights in GRANTS.items()}
    everybody: set[str] = set().union(*named.values()) | OWNER_ONLY
    return frozenset(everybody - named[BY_VIEWER])
