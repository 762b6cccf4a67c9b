"""The dispatch service (``shouwang dispatch``): climbs the ladders of open alerts, and warns of holes in the roster."""
