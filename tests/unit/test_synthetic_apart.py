"""A guard: every query over alerts, residents and homes leaves the synthetic ones out, or is named here with a reason.

Synthetic residents (docs/path.md) press and fall some thousand times a day; a statistic that counts them is wrong, and
a list that shows them frightens people.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from care_network import below

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "alerting",
    "care_network",
    "care_services",
    "console",
    "database",
    "dispatch",
    "exchange",
    "figures",
    "ingest",
    "observability",
    "shouwang",
)
_OVER_PEOPLE = re.compile(r"\b(?:FROM|JOIN)\s+(?:alert|resident|household)\b(?!\()", re.IGNORECASE)

ONE = "of one alert, home or person, or of those that the caller names"
SEEN = "below an account's area: none holds synthetic homes (database: account_of_people)"
TOLD = (
    "by notifications or contacts: a synthetic alert has one notification, to the loop-back, and its homes no contacts"
)
SERVES = "detection, storage and ladders serve synthetic homes like others: that is what they prove"
AGREED = "of residents who agreed to be known to another system: no synthetic one does"
PLATFORM = "technical alerts about the platform, at a home of people"
PROOF = "the proof of the path itself"
BELOW = "by care_network.below, which leaves them out"
ROWS = "conditions on single rows: a query leaves synthetic homes out by itself"
WHOLE = "compares a whole database, or a drill's own homes"

EXCEPTIONS: dict[str, dict[str, str]] = {
    "care_network/consents/overview.py": {"counts": BELOW, "latest": BELOW},
    "care_services/privacy/copies.py": {"resident_of": ONE, "ask": ONE, "check_asker": ONE},
    "care_services/privacy/erasures.py": {"ask": ONE, "senders": ONE},
    "care_services/privacy/job.py": {"turn": ONE},
    "care_network/consents/own.py": {"people_of": ONE, "withdraw_by_family": ONE, "withdraw_at_home": ONE},
    "alerting/service/downlink.py": {"Downlink._announce": SERVES},
    "alerting/service/platform/watch.py": {"PlatformWatch._tell_faults": PLATFORM, "_tell_news": PLATFORM},
    "alerting/service/storing/comparing.py": {"compare": SERVES},
    "alerting/tuning/pauses.py": {"listing": SEEN, "home": ONE, "_NOW": SERVES, "_household": ONE},
    "alerting/preview/jobs.py": {"Previews.begin": ONE},
    "alerting/tuning/sheet.py": {"find_target": ONE},
    "care_services/assessment/evidence.py": {"_alerts": ONE},
    "care_services/assessment/proposals.py": {"_SELECT": ONE},
    "care_services/assessment/store.py": {"_SELECT": ONE},
    "console/pages/timebank/family.py": {"family_page": ONE},
    "console/pages/assessment/carrying.py": dict.fromkeys(("_thresholds", "ladders_of", "open_alerts"), ONE),
    "care_network/ability/standing.py": dict.fromkeys(("_SELECT", "of_homes", "approved"), ONE),
    "care_network/access/auditing/search.py": {
        "_LINES": ONE,
        "_SCOPE": SEEN,
        "_OF_THE_AREA": SEEN,
        "_ALERTS_OF_THE_AREA": SEEN,
        "_steps": ONE,
        "search": ONE,
    },
    "care_network/access/visible.py": {"_VISIBLE": SEEN, "VISIBLE_HOUSEHOLDS": SEEN},
    "care_network/access/auditing/lines.py": {"audit_home": ONE},
    "care_network/access/exchange_consents.py": dict.fromkeys(("listing", "by_system", "_residents"), SEEN),
    "care_services/library/courses/certificates.py": dict.fromkeys(("issued", "_manages"), SEEN),
    "care_services/time_bank/holders.py": {"_VOLUNTEER": ONE, "OF_AREA": SEEN},
    "care_services/time_bank/people.py": {"TABLES": ONE, "_checked": ONE},
    "care_services/time_bank/rounds.py": {"_people": ONE, "_codes": ONE},
    "care_services/time_bank/running/own_link.py": {"own_page": ONE},
    "care_services/time_bank/statement.py": {"transaction": ONE},
    "care_services/time_bank/store.py": {"_AROUND": SEEN, "wanted": ONE},
    "care_services/core/acting.py": {"Acting.resident": ONE},
    "care_services/core/facts.py": {"facts_of": ONE, "facts_over": ONE, "check_here": ONE},
    "care_services/rounds/requests.py": {"_tell": ONE},
    "care_services/home_services/visits/codes.py": {"paper": ONE},
    "care_services/core/traits.py": {"record": ONE},
    "care_services/registers/deciding.py": {"_set_identity": ONE},
    "care_services/registers/batches.py": {"conflicts": ONE, "_undo_one": ONE},
    "care_services/reporting/making.py": {"consents": ONE, "log": ONE},
    "care_services/registers/leaving.py": {"before": ONE, "seen": ONE},
    "care_services/registers/tasks.py": {"_EMPTY": ONE, "_COUNTS": ONE},
    "figures/counting/people.py": {"_LEFT": ONE},
    "care_services/registers/store.py": {"_LINES": ONE},
    "care_network/consents/register.py": {"resident_of": ONE, "_step": ONE},
    "care_network/consents/standing.py": {"_without_contact": ONE},
    "care_network/demo/machines.py": {"add_machine": SEEN},
    "care_network/demo/staff.py": {"add_contacts": TOLD, "add_notes": ONE},
    "care_network/identity/vault.py": dict.fromkeys(("put", "_seen"), ONE),
    "care_network/importing/bulk.py": {"_trace": ONE},
    "care_network/medical/notes.py": {"write_note": ONE, "reseal": ONE, "_open_alerts": ONE},
    "care_network/protection/observer.py": dict.fromkeys(("_write", "_write_changes", "gone_cells"), ONE),
    "care_network/protection/picture.py": {"_judged": ONE, "of_resident": ONE},
    "care_network/records/account_records.py": {"find_accounts": SEEN},
    "care_network/records/accounts/changes.py": {"give_consent": ONE},
    "care_network/records/contacts.py": {"family_of": ONE},
    "care_network/records/history/changes.py": {"_KEYS": ONE},
    "care_network/records/accounts/seers.py": {"names_of": ONE},
    "care_network/records/listing/paging.py": {"_HEARD": ONE},
    "care_network/records/listing/related.py": {"_COSTS": ONE, "NAMES": ONE},
    "care_network/records/kinds.py": dict.fromkeys(("_HOME", "HOUSEHOLD", "RESIDENT", "DEVICE", "CONTACT"), SEEN),
    "care_network/records/lookup.py": {"_QUERIES": SEEN},
    "care_network/records/provisioning.py": {"_resident_id": ONE},
    "care_network/records/registry.py": dict.fromkeys(
        ("_STAMP", "_HOUSEHOLDS", "_RESIDENTS", "_DEVICES", "_GONE"), SERVES
    ),
    "care_network/records/residents.py": {
        "profile": ONE,
        "codes": ONE,
        "resident_id": ONE,
        "file_of": ONE,
    },
    "care_network/records/vitals.py": {
        "series_of": ONE,
        "devices": ONE,
        "device_standings": ONE,
        "signs_now": ONE,
        "_gateway": ONE,
    },
    "care_services/home_beds/equipment/desk.py": {"Equipment.item": ONE, "_ITEM": SEEN},
    "care_network/upkeep/devices.py": {"_resident_id": ONE, "register": ONE, "_device": ONE},
    "care_network/upkeep/gateway_page.py": {"load": ONE, "people_of": ONE},
    "care_network/upkeep/gateways.py": dict.fromkeys(("_matches", "_FROM", "_ONE_HEARD", "listing"), SEEN),
    "care_network/upkeep/quarantine.py": {"_SCOPE": SEEN, "groups": SEEN},
    "care_network/upkeep/scope.py": {"gateway_of": SEEN},
    "care_services/meals/delivery.py": {"_ROUNDS": ONE},
    "care_services/meals/signs.py": {"last_signs": ONE},
    "console/access/homes.py": {"homes_of": ONE},
    "console/pages/home/family.py": {"_desk_phone": ONE},
    "care_network/search/directory.py": dict.fromkeys(
        ("_STAMP", "_RESIDENTS"), "each search names those whom the account sees"
    ),
    "database/rights/conditions.py": {"person": ROWS, "home": ROWS},
    "database/rights/row_security.py": {"ROWS": ROWS, "_LIMITS": ROWS},
    "dispatch/alerts/answers.py": {"load": TOLD, "acknowledge": TOLD, "taken": TOLD, "_message": TOLD},
    "dispatch/alerts/lifecycle.py": {"lock": ONE},
    "dispatch/alerts/lookup.py": dict.fromkeys(("is_open", "lead_of", "_COLUMNS"), ONE),
    "dispatch/alerts/reopening.py": {"reopen": ONE, "undo": ONE},
    "dispatch/alerts/snoozing.py": {"_call_again": ONE},
    "dispatch/alerts/platform.py": {"running": PLATFORM, "platform_household": ONE},
    "dispatch/channels/ceiling.py": {"load_storms": TOLD},
    "dispatch/channels/planner.py": {"_waiting": TOLD},
    "dispatch/channels/preferences.py": {"_PLACES": TOLD},
    "dispatch/channels/recent.py": {"messages": SEEN},
    "dispatch/channels/recipients.py": {"next_recipients": TOLD, "_people": TOLD},
    "dispatch/channels/sending.py": {"_lock": ONE, "claim": TOLD},
    "dispatch/core/history.py": {"record": ONE},
    "dispatch/desk/calls.py": dict.fromkeys(("callees", "_everybody", "record", "of_alert", "report"), ONE),
    "dispatch/desk/closed.py": {"_homes": SEEN, "_ROWS": SEEN},
    "dispatch/desk/handover.py": {"waiting_for": SEEN, "offer": SEEN, "load": ONE},
    "dispatch/desk/merging.py": dict.fromkeys(
        ("offers", "followers", "merge", "unmerge", "_follow", "_load", "_offers"), ONE
    ),
    "dispatch/desk/steps.py": {"_state": ONE},
    "dispatch/desk/procedures.py": {"_card_of": ONE},
    "dispatch/desk/progress.py": {"progress": ONE},
    "dispatch/desk/trace.py": {"_ALERT": ONE, "trace_alert": ONE, "trace_event": ONE},
    "dispatch/escalation/broker_sessions.py": {"watch": PLATFORM},
    "dispatch/escalation/broker_stores.py": {"record": PLATFORM},
    "dispatch/escalation/certificate_warnings.py": {"record": PLATFORM},
    "dispatch/escalation/dry_run/loading.py": dict.fromkeys(("load_reach", "names_of"), ONE),
    "dispatch/escalation/status.py": {"oldest_overdue_s": SERVES},
    "dispatch/escalation/sweeper.py": {"_CLAIM": SERVES},
    "dispatch/family/facts.py": dict.fromkeys(("_alerts", "_minutes", "_open_ones", "_ended", "one_alert"), ONE),
    "dispatch/family/panels.py": dict.fromkeys(("face", "help_of", "press_of"), ONE),
    "dispatch/family/telling.py": {"tell": ONE},
    "dispatch/ladders/first_step_copy.py": {"_families": TOLD},
    "dispatch/ladders/ladder.py": dict.fromkeys(
        ("record_direct_calls", "raise_severity", "begin_again", "start_next_round", "go_on", "load_policy", "_chosen"),
        ONE,
    ),
    "dispatch/ladders/store.py": {"chosen_with": ONE},
    "console/links/order_view.py": {"mark_of": ONE},
    "dispatch/orders/assigning.py": dict.fromkeys(("suggest", "plan_service"), ONE),
    "dispatch/orders/field.py": dict.fromkeys(("family_says", "family_says.effect"), ONE),
    "dispatch/orders/ratings.py": {"check_invited": ONE},
    "dispatch/orders/store.py": {"way_in": ONE, "_COLUMNS": "orders are made by people, of alerts that they see"},
    "dispatch/orders/sweeper.py": {"_cancel_ended": "orders are made by people, of alerts that they see"},
    "exchange/intake/nightscout.py": {"resident_of": AGREED},
    "exchange/intake/storing.py": {"place_of": AGREED},
    "exchange/fhir/alerts.py": {"_ALERTS": AGREED},
    "exchange/fhir/people.py": dict.fromkeys(("WHOSE", "_LIVE_THERE"), AGREED),
    "database/rights/machine_rows.py": {"MACHINE_FUNCTIONS": AGREED},
    "figures/reading/lists.py": dict.fromkeys(("KINDS", "_WHO"), "of facts, from which synthetic homes were left out"),
    "ingest/storing/stored.py": {"readings_of": ONE},
    "shouwang/past/writing.py": {"_mark": ONE},
    "shouwang/backup/restore.py": {"_newest": WHOLE, "_open_alerts": WHOLE, "_counts": WHOLE},
    "shouwang/drills/account.py": {"make_account": WHOLE, "first_messages": WHOLE},
    "shouwang/drills/soak.py": {"_resolve": WHOLE},
    "shouwang/drills/faults/clock.py": {"_named": "an alert about a host, not about a home"},
    "shouwang/gateways/rollout_store.py": {"has_open_alert": ONE, "standings": ONE},
    "shouwang/path/report.py": {"_residents": PROOF},
    "shouwang/path/stamps.py": {"silence_arrived": PROOF, "silence_rests_s": PROOF},
    "shouwang/path/telling.py": {"Telling._alerts": PLATFORM, "Telling._read_people": PLATFORM},
}
"""By file: the function, or the module's constant, that holds a query without the word."""


def _mixed(tree: ast.AST, place: str = "") -> Iterator[str]:
    """Functions and constants with a query over people that does not speak of synthetic ones."""
    for node in ast.iter_child_nodes(tree):
        name = place
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{place}.{node.name}".strip(".")
        elif not place and isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = target.id if isinstance(target, ast.Name) else ""
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            text = _text(node)
            if _OVER_PEOPLE.search(text) and "synthetic" not in text.lower():
                yield place
        if isinstance(node, ast.JoinedStr):  # its own words were read as a whole
            for part in node.values:
                if not isinstance(part, ast.Constant):
                    yield from _mixed(part, name)
        else:
            yield from _mixed(node, name)


_PARTS = {name: getattr(below, name) for name in ("HOMES", "PEOPLE")}
_CONDITIONS = {"homes_below": below.homes_below("c"), "people_below": below.people_below("c")}


def _text(node: ast.AST) -> str:
    """A string of the source; of an f-string with what :mod:`care_network.below` puts into it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    value = node.value if isinstance(node, ast.FormattedValue) else node
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return _CONDITIONS.get(value.func.id, " ")
    return _PARTS.get(value.id, " ") if isinstance(value, ast.Name) else " "


@cache
def found() -> dict[str, set[str]]:
    """By file, the places of such queries."""
    files = (
        path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts
    )
    texts = ((str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in files)
    each = {file: set(_mixed(ast.parse(text))) for file, text in texts if _OVER_PEOPLE.search(text)}
    return {file: places for file, places in each.items() if places}


def test_every_query_over_people_leaves_synthetic_ones_out_or_says_why_not() -> None:
    listed = {file: set(places) for file, places in EXCEPTIONS.items()}
    new = {file: places - listed.get(file, set()) for file, places in found().items()}
    assert {file: places for file, places in new.items() if places} == {}, (
        "add NOT h.synthetic (household) or NOT is_synthetic(alert id), or name the query in EXCEPTIONS with a reason"
    )


def test_no_exception_is_out_of_date() -> None:
    there = found()
    gone = {file: set(places) - there.get(file, set()) for file, places in EXCEPTIONS.items()}
    assert {file: places for file, places in gone.items() if places} == {}
