"""Rights on the tables of meals."""

from database.rights.conditions import ALL, PROVIDER, SERVING, by, may, person, written
from database.rights.form import Part, Rights

_CANTEEN = "{column} IN (SELECT anchor.id FROM organisation anchor WHERE anchor.area_id IN (SELECT viewer_areas()))"
_TABLES = "meal_canteen meal_offer meal_diet meal_order meal_order_event meal_round meal_stop meal_absence meal_press"
_PLANNED = "meal_arrangement meal_arrangement_event meal_gap"
_HISTORY_OF = "anchor.id = {table}.arrangement_id"

PART = Part(
    grants={
        "console": Rights(
            select=f"{_TABLES} {_PLANNED}",
            insert=f"{_TABLES} {_PLANNED}",
            update="meal_arrangement meal_gap meal_canteen meal_offer meal_order meal_round meal_absence meal_press",
            delete="meal_round meal_stop",
            functions="meal_portions(integer) provider_meals(date)",
        ),
        # the panel in a home orders a meal, which closes what was missing, and takes it back
        "links": Rights(
            select="meal_canteen meal_offer meal_diet meal_order meal_order_event meal_arrangement meal_gap",
            insert="meal_order meal_order_event meal_gap",
            update="meal_order meal_gap",
            functions="meal_portions(integer)",
        ),
        # the rounds tell of doors that nobody opened, and order what is arranged
        "orders": Rights(
            select=f"meal_order meal_absence meal_canteen meal_offer meal_diet {_PLANNED}",
            insert="meal_order meal_order_event meal_gap",
            update="meal_order meal_gap",
            functions="meal_portions(integer)",
        ),
    },
    rows={
        "meal_canteen": written(f"{may('manage_meals')} AND {_CANTEEN.format(column='organisation_id')}"),
        "meal_offer": written(f"{may('manage_meals')} AND {_CANTEEN.format(column='canteen_id')}"),
        "meal_diet": {"ALL": person("meal_diet.resident_id")},
        "meal_order": {"ALL": f"({person('meal_order.resident_id')} OR canteen_id = {PROVIDER})"},
        "meal_order_event": {"ALL": by("meal_order_event", "meal_order", "anchor.id = {table}.order_id")},
        "meal_round": {"ALL": f"({ALL} OR canteen_id {SERVING})"},
        "meal_stop": {"ALL": by("meal_stop", "meal_round", "anchor.id = {table}.round_id")},
        "meal_press": {"ALL": by("meal_press", "meal_order", "anchor.id = {table}.order_id")},
        "meal_absence": {"ALL": person("meal_absence.resident_id")},
        "meal_arrangement": {"ALL": person("meal_arrangement.resident_id")},
        "meal_arrangement_event": {"ALL": by("meal_arrangement_event", "meal_arrangement", _HISTORY_OF)},
        "meal_gap": {"ALL": person("meal_gap.resident_id")},
    },
    written_by_providers="meal_order meal_order_event",
    told_by_families="meal_diet meal_order meal_order_event meal_gap",
    decisions={
        "read without a session: menus and hours of canteens, nobody's data; written by who manages the meals of a"
        " canteen in their area": "meal_canteen meal_offer",
        "by the person it is about; a family tells it of its own": "meal_diet meal_gap",
        "by the person it is about; a family tells it of its own; people of a canteen theirs": "meal_order",
        "by the meal's order; a family tells it of its own": "meal_order_event",
        "by the meal's order": "meal_press",
        "by the canteen: of the area, or around it and serving it": "meal_round meal_stop",
        "by the person it is about": "meal_absence meal_arrangement",
        "by the meal arrangement it belongs to": "meal_arrangement_event",
    },
    roles_that={"manage_meals": ("manager", "station")},
)
