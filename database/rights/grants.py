"""Rights of each service's role in the database: what its code reads and writes, and nothing else.

``tests/integration/database/test_roles.py`` holds it against the schema: a table of a later migration that is neither
here nor in OWNER_ONLY fails it.
"""

from collections.abc import Mapping

from database.rights.form import BY_VIEWER as BY_VIEWER
from database.rights.form import OF_CONSOLE as OF_CONSOLE
from database.rights.form import Rights as Rights
from database.rights.form import lock as _lock
from database.rights.form import role_of as role_of
from database.rights.wing import PARTS

_LOCK_ALERT = ("UPDATE", "alert", "stored_at")
"""The right to lock an alert's row, by a column that nothing sets."""
_ALL = "alembic_version storage"
"""The schema's version and grade."""
_READINGS = "reading reading_row reading_pack"
"""The view, and where its readings stand."""
_PEOPLE = (
    "area organisation household resident contact staff staff_certificate shift roster roster_exception gateway device"
)
_ACCOUNT = ("SELECT", "account", "id, login, name_zh, name_en, role, area_path, language, active, one_time_until")
"""An account without its password and second factor."""
_ENDS = "certificate_expiry"
"""In which every program that connects to the broker notes the ends of the certificates that it sees."""
_OWN = (
    "account_news login_enrolment login_failure login_knock passkey passkey_challenge recovery_code second_factor_offer"
    " session"
)
"""Tables by which a login is checked, beside the account's row, and those of one's own account."""
_PROTECTION = "protection_now protection_look protection_change protection_gap protection_total"
"""The protection picture: written by the observer, which runs beside the sweeper of work orders."""
_FIGURES = (
    "figure_mark figure_month figure_rule figure_alert figure_person figure_device figure_worker figure_place"
    " figure_count figure_time figure_people figure_blind figure_model figure_version figure_running"
)
"""The roll-ups of the decision page: written by maintenance, read by the console."""
_COUNTED = (
    ("SELECT", "alert", "id, rule, severity, subject, household_id, resident_id, state, onset, raised_at, closed_at,"
     " evidence"),
    ("SELECT", "alert_event", "id, alert_id, at, action, outcome"),
    ("SELECT", "alert_finding", "alert_id, at, verdict"),
    ("SELECT", "call_attempt", "id, alert_id, called_kind, answered_at, result"),
    ("SELECT", "household", "id, area_id, synthetic"),
    ("SELECT", "resident", "id, household_id, ability_grade, home_care_bed, gone, gone_on"),
    ("SELECT", "gateway", "id, name, household_id, registered_at, state"),
    ("SELECT", "device", "id, gateway_id, name, model, retired_at"),
    ("SELECT", "staff", "id, code, organisation_id, active"),
    ("SELECT", "work_order", "id, household_id, staff_id, state, done_at"),
    ("SELECT", "notification", "alert_id, recipient_kind, recipient_key, reason, state, at"),
)  # fmt: skip
"""The columns that the figures are counted from: no name, no address, no telephone, no words about anybody."""
_MACHINES = "machine_token exchange_consent"
"""Tokens of other systems, and residents' consents to be known to them."""
_WEBHOOK = "id, account_id, name, url, events, area_path, created_at, created_by, paused_at, removed_at, position"
"""A webhook without the secret that signs its messages."""
_LADDER = "alert alert_event alert_finding escalation_policy ladder_grade notification message pause parameter_change"


_CARRIED = ("UPDATE", "upkeep_request", "state, sent_at, ends_at, ended_at, answer")
"""Of whoever carries a request out."""
_GEAR_COLUMNS = (
    ("UPDATE", "pairing", "refused_at, refused_by"),
    ("SELECT", "program_offer", "version, gateway_id, state"),
    ("SELECT", "program_rollout", "version, ended_at"),
    _CARRIED,
)
"""Beside the records themselves: pairing, and where programs are on their way."""
_GEAR = "enrolment_code upkeep_request"
_PRESSED = "key, person, result, message_zh, message_en"
_FOUND = "order_id, at, person, name_zh, name_en, card, outcome, cause, injury, hospital, actions, note, alert_id"
_FIELD = (
    ("SELECT", "field_press", _PRESSED),
    ("INSERT", "field_press", f"{_PRESSED}, order_id, alert_id, action, client_pressed_at, pressed_at, received_at"),
    ("UPDATE", "field_press", "result, message_zh, message_en"),
    ("SELECT", "visit_result", f"id, {_FOUND}"),
    ("INSERT", "visit_result", _FOUND),
)
"""Presses of telephones in the field, and what was found at the door."""

_HISTORY = (
    "INSERT", "alert_event",
    "alert_id, at, action, from_state, to_state, account_id, actor, origin, outcome, note, note_en",
)  # fmt: skip
"""A step in the history of an alert: the database gives it its number, and seals it."""
_AUDIT = ("INSERT", "audit", "at, account_id, action, resident_id, detail, origin")
"""A line of the audit: the same."""
_CHECK = "check_chain(bigint,bytea,integer) check_unsealed(text,bigint,integer)"


_GRANTS: dict[str, Rights] = {
    "ingest": Rights(
        select=f"{_ALL} gateway device device_firmware series event ingest_stream stream_gap stream_missing"
        " senml_arrival pairing"
        f" quarantine {_READINGS} rollup_due service_fault upkeep_request late_arrival {_ENDS}",
        insert="event ingest_stream stream_gap senml_arrival pairing quarantine reading reading_row rollup_due series"
        f" device_firmware service_fault late_arrival {_ENDS}",
        update="ingest_stream stream_gap senml_arrival pairing quarantine series service_fault"
        f" device_firmware late_arrival {_ENDS}",
        delete="stream_gap senml_arrival service_fault",
        columns=(("UPDATE", "gateway", "state, state_at, status"), ("UPDATE", "event", "time, told_us"), _CARRIED),
    ),
    "maintain": Rights(
        select=f"{_ALL} {_READINGS} pack_due reading_open reading_minute reading_hour rollup_due rollup_minute"
        " rollup_hour series retention_wait sealed_entry audit_checkpoint audit_check city_alert city_community"
        " city_series backup_report"
        " storage_sample upkeep_request"
        f" area organisation shift roster roster_exception parameter_change protection_now protection_look"
        f" protection_change protection_gap device_firmware device_now {_FIGURES}",
        insert="audit_check audit_checkpoint reading_pack pack_due rollup_due rollup_minute rollup_hour storage_sample"
        f" {_FIGURES}",
        update="storage rollup_minute rollup_hour rollup_due figure_mark figure_month figure_rule figure_person"
        " figure_device figure_worker figure_place",
        delete=f"{_READINGS} pack_due rollup_due rollup_minute rollup_hour retention_wait storage_sample {_FIGURES}",
        columns=(*_COUNTED, _CARRIED),
        functions="drop_old_readings() drop_packed_chunks() apply_retention() drop_old_record_changes()"
        f" drop_old_requests() {_CHECK}",
    ),
    "alerting": Rights(
        select=f"{_ALL} {_PEOPLE} {_LADDER} family_member quarantine service_fault work_order work_order_event"
        f" alerting_worker {_ENDS}",
        insert=f"alert alert_finding household notification service_fault alerting_worker {_ENDS}",
        update=f"alert notification message service_fault alerting_worker {_ENDS}",
        delete="service_fault alerting_worker",
        columns=(_ACCOUNT, _HISTORY),
    ),
    "dispatch": Rights(
        select=f"{_ALL} {_PEOPLE} {_LADDER} dispatch_worker duty_warning duty_test work_order sla_breach"
        f" channel_ceiling broker_store session_excess issued_certificate revoked_identity path_proof {_ENDS}",
        insert="alert alert_finding household notification dispatch_worker duty_warning duty_test",
        update="alert notification message dispatch_worker duty_warning",
        delete="dispatch_worker",
        columns=(_ACCOUNT, _HISTORY),
        functions="drop_old_duty_tests()",
    ),
    "notify": Rights(
        select=f"{_ALL} {_PEOPLE} {_LADDER} delivery_attempt duty_warning duty_test notification_preference"
        " push_subscription"
        " used_link work_order outbox_entry channel_ceiling channel_test",
        insert="delivery_attempt message notification outbox_entry used_link channel_ceiling",
        update="message notification delivery_attempt channel_ceiling",
        delete="push_subscription used_link",
        columns=(_ACCOUNT, _HISTORY, _LOCK_ALERT),
    ),
    "orders": Rights(
        select=f"{_ALL} {_PEOPLE} {_LADDER} call_attempt family_member sla_breach staff_location used_link work_order"
        f" work_order_event work_order_rating alerting_worker event ingest_stream {_READINGS} series device_now"
        f" {_PROTECTION}",
        insert=f"notification sla_breach work_order work_order_event device_now {_PROTECTION}",
        update="alert notification message work_order device_now protection_now protection_look protection_total",
        delete="staff_location protection_now protection_total",
        columns=(_ACCOUNT, _HISTORY, _AUDIT, _lock("staff")),
    ),
    # pages, with the rows of whoever asks
    "console": Rights(
        select=f"{_ALL} {_PEOPLE} {_LADDER} alerting_worker call_attempt delivery_attempt dispatch_worker"
        " doctor_check duty_warning duty_test event family_member handover handover_alert ingest_stream"
        " account_news audit audit_check audit_checkpoint sealed_entry session"
        f" medical_note notification_preference order_in_hand outbox_entry pairing push_subscription quarantine"
        f" {_READINGS}"
        " reading_open reading_minute reading_hour rollup_due rollup_minute rollup_hour pack_due series sla_breach"
        " staff_location stream_gap stream_missing work_order work_order_event work_order_photo"
        f" work_order_rating path_proof path_console desk_support panel area_outline"
        f" {_MACHINES} {_GEAR} device_now revoked_identity channel_ceiling channel_test storage_sample backup_report"
        " device_firmware"
        f" ground_map checked_file roster_change policy_draft record_change record_history {_PROTECTION} {_FIGURES}"
        " threshold_preview"
        f" {_ENDS}",
        insert="alert alert_finding call_attempt duty_warning handover handover_alert"
        f" audit_check family_member {_GEAR} channel_test"
        " message notification notification_preference parameter_change pause push_subscription"
        " staff_location work_order work_order_event work_order_photo work_order_rating"
        f" desk_support area_outline ground_map checked_file roster_change policy_draft {_PEOPLE} {_MACHINES}"
        " threshold_preview"
        " escalation_policy",
        update=f"{_PEOPLE} alert delivery_attempt duty_warning handover message notification"
        " notification_preference pause push_subscription staff_location work_order"
        " area_outline policy_draft threshold_preview",
        delete=f"{_PEOPLE} policy_draft threshold_preview checked_file family_member ground_map push_subscription"
        " staff_location",
        columns=(
            ("UPDATE", "contact", "consent_at, version"),
            ("UPDATE", "panel", "seen_at"),
            ("UPDATE", "session", "revoked_at, expires_at, last_seen_at"),
            ("UPDATE", "machine_token", "revoked_at, revoked_by"),
            ("UPDATE", "exchange_consent", "withdrawn_at, withdrawn_by"),
            ("SELECT", "webhook", _WEBHOOK),
            ("INSERT", "webhook", f"{_WEBHOOK.removeprefix('id, ')}, secret"),
            ("UPDATE", "webhook", "paused_at, removed_at"),
            (
                "SELECT",
                "webhook_delivery",
                "id, webhook_id, alert_id, event_id, message_id, kind, created_at, state, attempts, next_at, done_at",
            ),
            ("UPDATE", "webhook_delivery", "state, attempts, next_at, give_up_at, done_at"),
            ("SELECT", "webhook_attempt", "id, delivery_id, at, attempt, status, ms, error"),
            ("UPDATE", "roster_change", "undone_at, undone_by"),
            _ACCOUNT,
            _HISTORY,
            _AUDIT,
            ("UPDATE", "staff", "location_consent_at"),
            ("UPDATE", "alert_finding", "at, verdict, cause, injury, hospital, actions, account_id"),
            ("UPDATE", "duty_test", "answered_at"),
            ("UPDATE", "enrolment_code", "code_hash, made_at, expires_at, used_at"),
            *_GEAR_COLUMNS,
            *_FIELD,
            _lock("area"),
            _lock("resident"),
            _lock("staff"),
        ),
        functions="add_machine_account(text,text,text,text) has_medical_note(integer)"
        f" audit_actions() audit_about(text) audit_about_alert(text) {_CHECK}"
        " looks_at_own(integer,timestamptz,integer) release_browser(text)",
    ),
    # other systems' doors: what residents agreed to, and no name of staff
    "exchange": Rights(
        select=f"{_ALL} area household resident gateway device series {_READINGS} alert alert_event protection_change"
        f" machine_token exchange_consent exchange_observation exchange_stream exchange_frame quarantine pairing"
        f" sealed_entry webhook webhook_delivery webhook_attempt exchange_export exchange_export_file {_ENDS}"
        " late_arrival",
        insert=f"device series exchange_observation exchange_stream exchange_frame quarantine pairing {_ENDS}"
        " webhook_delivery webhook_attempt exchange_export exchange_export_file",
        update=f"series exchange_stream exchange_frame quarantine pairing webhook_delivery {_ENDS}"
        " exchange_export exchange_export_file",
        delete="late_arrival exchange_observation exchange_frame exchange_export",
        columns=(
            _ACCOUNT,
            _AUDIT,
            ("UPDATE", "machine_token", "last_used_at, last_origin"),
            ("UPDATE", "webhook", "position"),
        ),
        functions="home_of_one(integer) webhook_events(integer,bigint,bigint) delivery_agreed(bigint) next_export()"
        " end_exports() forget_observations(integer)",
    ),
    # passwords, second factors, sessions, and the pages of accounts
    "login": Rights(
        select=f"{_ALL} account audit family_member {_OWN}",
        insert=f"account family_member {_OWN}",
        update=f"account {_OWN}",
        delete=f"family_member push_subscription {_OWN}",
        columns=(
            _AUDIT,
            ("SELECT", "push_subscription", "account_id"),
            ("SELECT", "area", "id, path, level, name_zh, name_en"),
            ("SELECT", "household", "id, code, area_id, synthetic"),
            ("SELECT", "resident", "id, code, household_id, name_zh, name_en, gone"),
            ("SELECT", "staff", "id, code, account_id, organisation_id, name_zh, name_en, active"),
            ("SELECT", "organisation", "id, area_id"),
        ),
        functions="use_countersign(bytea)",
    ),
    # pages behind a signed link, whose readers have no session
    "links": Rights(
        select=f"{_ALL} {_PEOPLE} {_LADDER} call_attempt delivery_attempt duty_warning duty_test event family_member"
        " medical_note notification_preference order_in_hand panel reading reading_open reading_minute reading_hour"
        " series staff_location used_link work_order work_order_event work_order_photo work_order_rating"
        f" sla_breach {_PROTECTION}",
        insert="alert_finding call_attempt message notification staff_location used_link work_order"
        " work_order_event work_order_photo work_order_rating",
        update="alert delivery_attempt message notification staff_location work_order",
        delete="staff_location",
        columns=(
            _ACCOUNT,
            _HISTORY,
            _AUDIT,
            ("UPDATE", "panel", "seen_at"),
            ("UPDATE", "staff", "location_consent_at"),
            ("UPDATE", "alert_finding", "at, verdict, cause, injury, hospital, actions, account_id"),
            ("UPDATE", "duty_test", "answered_at"),
            ("UPDATE", "duty_warning", "seen_until"),
            *_FIELD,
            _lock("resident"),
            _lock("staff"),
        ),
    ),
    # what all desks share in memory: open alerts, their clocks, who is where, the state of the platform
    "board": Rights(
        select=f"{_ALL} area organisation household resident contact gateway device staff {_LADDER} alerting_worker"
        f" call_attempt delivery_attempt dispatch_worker handover handover_alert ingest_stream path_proof path_console"
        f" desk_support upkeep_request work_order {_ENDS}",
        insert=f"path_console {_ENDS}",
        update=f"path_console {_ENDS}",
        columns=(_ACCOUNT, _CARRIED),
        functions="countersign(bytea)",
    ),
    "issuer": Rights(
        select=f"{_ALL} gateway certificate_expiry enrolment_code issued_certificate revocation_list revoked_identity",
        insert="certificate_expiry issued_certificate revocation_list",
        update="certificate_expiry enrolment_code issued_certificate revocation_list",
        delete="enrolment_code",
    ),
    "path": Rights(
        select=f"{_ALL} {_PEOPLE} {_LADDER} delivery_attempt event path_proof path_console {_ENDS}",
        insert=f"alert household notification path_proof {_ENDS}",
        update=f"alert notification message path_proof {_ENDS}",
        columns=(_ACCOUNT, _HISTORY),
        functions="drop_old_proofs()",
    ),
    # beside a broker, as the broker's user
    "lists": Rights(
        select=f"{_ALL} gateway revocation_list revoked_identity broker_store session_excess {_ENDS}",
        insert=f"broker_store session_excess {_ENDS}",
        update=f"broker_store session_excess {_ENDS}",
        delete="session_excess",
    ),
}
for _part in PARTS:
    for _service, _more in _part.grants.items():
        _GRANTS[_service] = _GRANTS.get(_service, Rights()).with_more(_more)
GRANTS: Mapping[str, Rights] = _GRANTS
"""By service, with what each part of care and services adds.

Migrations, provisioning and administrators' commands run as the database's owner.
"""
OWNER_ONLY = frozenset({"resident_limit", "city_home", "city_key", "simulated_past", "countersigned"}).union(
    *(part.owner_only.split() for part in PARTS)
)
"""Tables that no service touches."""
SERVICES = tuple(GRANTS)
