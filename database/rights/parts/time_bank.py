"""Rights on the tables of the time bank: nobody but the database itself keeps a balance or changes what is booked."""

from database.rights.conditions import ALL, AREA, ME, STAFF, by, may, person, seen
from database.rights.form import Part, Rights

_OF_VOLUNTEER = "time_volunteer_check time_volunteer_training time_volunteer_event"
_LEARNING = "time_course_attempt"
_LEDGER = "time_account time_transaction time_entry time_lot time_seal time_reversal time_correction"
_ALL = (
    f"time_volunteer {_OF_VOLUNTEER} time_round time_round_member time_round_crew time_round_event time_request"
    f" time_request_event time_wish time_missed {_LEARNING} {_LEDGER}"
)
_BY_LINK = (
    "time_earn(uuid,timestamptz) time_account_of(integer) time_credited(integer,text,date) time_courses(integer)"
    " time_courses_of(integer[]) time_papers_of(integer[])"
    " time_papers_until(integer) time_refund(uuid,timestamptz,integer) time_own_word(uuid,text)"
    " time_load(integer,uuid,timestamptz,timestamptz,timestamptz)"
)
"""Functions for pages without a login: nothing there spends minutes or lets them expire."""
_FUNCTIONS = (
    f"{_BY_LINK} time_expire(date,timestamptz,integer) time_redeem(uuid,text,timestamptz,date,integer)"
    " time_neighbours(integer[])"
)
_MANAGES = may("manage_time_bank")
_STEP = (
    "state, volunteer_id, partner_id, told_minutes, told_at, told_by, said_minutes, said_at, said_by, said_as,"
    " said_who, agreed, credited, partner_credited, rule, partner_rule, closed_at, version"
)
"""Columns that a step of a request's life sets."""
_HELPER = "anchor.volunteer_id = time_volunteer.id OR anchor.partner_id = time_volunteer.id"
_VOLUNTEER = (
    f"({ALL} OR {STAFF} AND EXISTS (SELECT FROM area place WHERE place.id = time_volunteer.area_id"
    f" AND (place.path <@ {AREA} OR place.path @> {AREA})) OR {seen('time_request', _HELPER)})"
)
_ACCOUNT = (
    f"({ALL} OR {STAFF} AND time_account.kind IN ('issuer', 'gift_pool', 'expired')"
    f" OR time_account.resident_id IS NOT NULL AND {person('time_account.resident_id')}"
    f" OR {STAFF} AND time_account.volunteer_id IS NOT NULL"
    f" AND {seen('time_volunteer', 'anchor.id = time_account.volunteer_id')})"
)
_OF_ROUND = "anchor.id = {table}.round_id"
_BY_ACCOUNT = f"({ALL} OR {{table}}.account_id IN (SELECT viewer_time_accounts()))"
_OF_PEOPLE = (
    "anchor.transaction_id = time_transaction.id AND anchor.account_id <> ALL ((SELECT time_community())::integer[])"
)
_BOOKED = f"({ALL} OR (SELECT true FROM time_entry anchor WHERE {_OF_PEOPLE} LIMIT 1))"  # noqa: S608 - of constants
"""Asked of each transaction that is read: EXISTS reads the whole ledger at once, for a page of fifty, too."""

PART = Part(
    grants={
        "console": Rights(
            select=_ALL,
            insert=f"time_volunteer {_OF_VOLUNTEER} time_round time_round_member time_round_crew time_round_event"
            " time_request time_request_event time_wish time_account time_transaction time_entry time_reversal"
            " time_missed time_correction",
            update="time_volunteer time_round time_request",
            delete="time_round_member time_round_crew",
            columns=(
                ("UPDATE", "time_reversal", "decided_by, decided_at, agreed"),
                (
                    "UPDATE",
                    "time_correction",
                    "decided_by, decided_at, agreed, credited, partner_credited, rule, partner_rule",
                ),
                ("UPDATE", "time_missed", "excused, decided_by, decided_at, reason"),
                ("UPDATE", "time_wish", "state, decided_by, decided_at, reason, transaction_id"),
            ),
            functions=f"{_FUNCTIONS} time_community() viewer_people() viewer_helpers() viewer_near_areas()"
            " viewer_volunteers() viewer_time_accounts()",
        ),
        "links": Rights(
            select=f"time_volunteer {_OF_VOLUNTEER} time_request time_request_event time_transaction time_entry"
            f" time_account time_lot time_missed {_LEARNING} rule_book course course_version",
            insert=f"time_request_event time_missed {_LEARNING} time_volunteer_training time_volunteer_event",
            columns=(
                ("UPDATE", "time_request", f"{_STEP}, ended_as"),
                ("UPDATE", "time_missed", "appeal, appeal_at"),
                ("UPDATE", _LEARNING, "submitted_at, answers, correct, passed"),
            ),
            functions=_BY_LINK,
        ),
        # the rounds: visits of a week, offers and checks that lapse, minutes that expire, alarms that were answered
        "orders": Rights(
            select=f"time_volunteer {_OF_VOLUNTEER} time_round time_round_member time_round_crew time_request"
            " time_request_event time_lot time_account consent_event",
            insert="time_request time_request_event time_volunteer_event time_round_event time_missed",
            columns=(
                ("UPDATE", "time_request", f"{_STEP}, ended_as, reminded_at"),
                ("UPDATE", "time_round", "made_until"),
                ("UPDATE", "time_volunteer", "link_serial, link_until"),
            ),
            functions=f"{_FUNCTIONS} time_door_told(uuid)",
        ),
    },
    rows={
        "time_volunteer": {
            "SELECT": _VOLUNTEER,
            "INSERT": f"{_MANAGES} AND {_VOLUNTEER}",
            "UPDATE": f"{_MANAGES} AND {_VOLUNTEER}",
        },
        **{
            table: {
                "SELECT": by(table, "time_volunteer", "anchor.id = {table}.volunteer_id"),
                "INSERT": f"{_MANAGES} AND {by(table, 'time_volunteer', 'anchor.id = {table}.volunteer_id')}",
            }
            for table in _OF_VOLUNTEER.split()
        },
        "time_round": {"ALL": f"({ALL} OR {STAFF} AND time_round.area_id IN (SELECT viewer_areas()))"},
        "time_round_member": {"ALL": person("time_round_member.resident_id")},
        "time_round_crew": {"ALL": by("time_round_crew", "time_round", _OF_ROUND)},
        "time_round_event": {"ALL": by("time_round_event", "time_round", _OF_ROUND)},
        "time_wish": {
            "SELECT": person("time_wish.resident_id"),
            "INSERT": f"{person('time_wish.resident_id')} AND asked_by = {ME}",
            "UPDATE": f"{person('time_wish.resident_id')} AND ({_MANAGES} OR asked_by = {ME})",
        },
        "time_missed": {
            "SELECT": by("time_missed", "time_volunteer", "anchor.id = {table}.volunteer_id"),
            "INSERT": by("time_missed", "time_request", "anchor.id = {table}.request_id"),
            "UPDATE": f"{_MANAGES} AND {by('time_missed', 'time_volunteer', 'anchor.id = {table}.volunteer_id')}",
        },
        "time_course_attempt": {
            "SELECT": by("time_course_attempt", "time_volunteer", "anchor.id = {table}.volunteer_id"),
        },
        "time_request": {"ALL": person("time_request.resident_id")},
        "time_request_event": {"ALL": by("time_request_event", "time_request", "anchor.id = {table}.request_id")},
        "time_account": {"SELECT": _ACCOUNT, "INSERT": f"{_MANAGES} AND {_ACCOUNT}"},
        "time_lot": {"SELECT": _BY_ACCOUNT.format(table="time_lot")},
        "time_entry": {
            "SELECT": _BY_ACCOUNT.format(table="time_entry"),
            "INSERT": f"{_MANAGES} AND {_BY_ACCOUNT.format(table='time_entry')}",
        },
        # the row that is just being made has no entries yet
        "time_transaction": {"SELECT": _BOOKED, "INSERT": _MANAGES},
        "time_reversal": {
            "ALL": f"{_MANAGES} AND {by('time_reversal', 'time_transaction', 'anchor.id = {table}.transaction_id')}"
        },
        "time_correction": {
            "ALL": f"{_MANAGES} AND {by('time_correction', 'time_request', 'anchor.id = {table}.request_id')}"
        },
    },
    nobodys="time_seal",
    owner_only="time_helped_area",
    told_by_families="time_request time_request_event time_wish time_missed",
    decisions={
        "a volunteer of the time bank: staff of an area they help in, and whoever sees somebody they help": (
            f"time_volunteer {_OF_VOLUNTEER} {_LEARNING}"
        ),
        "a promise that was not kept: by its volunteer; written by whoever sees the resident": "time_missed",
        "a request for help, its steps, and a resident's place in a round: by the person it is for": (
            "time_request time_request_event time_round_member"
        ),
        "what a family wishes to be done with minutes: by the person whose they are": "time_wish",
        "a round: by its area": "time_round time_round_crew time_round_event",
        "the time bank's books: by whose account it is, a volunteer's by staff alone, the community's by all staff;"
        " a correction by who manages the time bank": (
            "time_account time_lot time_entry time_transaction time_reversal time_correction"
        ),
        "read only, without a policy: numbers and hashes, and nobody's name": "time_seal",
    },
    roles_that={"manage_time_bank": ("manager", "station"), "confirm_help": ("station", "family")},
)
