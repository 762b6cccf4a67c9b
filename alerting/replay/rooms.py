"""Guesses the room of a device from its name: 'Maindoor' is in the hall, 'Fridge' in the kitchen.

Behaviour is judged by room, and a door sensor in no known room counts as the front door.
"""

WORDS: dict[str, tuple[str, ...]] = {
    "bathroom": ("bath", "toilet", "shower", "basin", "washroom", "flush", "wc", "卫生间", "厕所", "浴", "马桶"),
    "kitchen": (
        *("kitchen", "fridge", "freezer", "cupboard", "cooktop", "cooker", "stove", "oven", "microwave", "toaster"),
        *("kettle", "dishwasher", "rice", "厨", "冰箱", "灶", "微波", "电饭"),
    ),
    "living_room": (
        "living",
        "lounge",
        "sofa",
        "couch",
        "seat",
        "armchair",
        "tv",
        "television",
        "客厅",
        "沙发",
        "电视",
    ),
    "bedroom": ("bed", "sleep", "mattress", "卧", "床"),
    "hall": ("hall", "entrance", "entry", "front", "main", "corridor", "门厅", "玄关", "入户", "大门"),
}
"""Parts of names by room, in the order of the search: 'bedroom-toilet' is a bathroom."""
INSIDE = "inside"
"""Somewhere behind the front door."""


def room_by(name: str) -> str:
    """The room that a name contains; '': none."""
    plain = name.lower()
    return next((room for room, words in WORDS.items() if any(word in plain for word in words)), "")


def room_for(name: str, room: str, is_door: bool, other_front_door: bool) -> str:
    """``room`` as given, or by the device's name. A door of no known room is the front door, unless there is one."""
    if room:
        return room if room in WORDS else room_by(room) or room
    return room_by(name) or (INSIDE if is_door and other_front_door else "")
