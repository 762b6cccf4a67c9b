"""The table of drills, in the order of the report."""

from shouwang.drills.rows.lines import LINES
from shouwang.drills.rows.processes import PROCESSES
from shouwang.drills.rows.row import Drill
from shouwang.drills.rows.surroundings import SURROUNDINGS

DRILLS: dict[str, Drill] = {drill.name: drill for drill in (*PROCESSES, *LINES, *SURROUNDINGS)}
"""By name."""
