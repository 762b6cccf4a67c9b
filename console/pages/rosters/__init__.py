"""Pages on which rosters are planned: a week as a grid, one person's day, and what a change would do."""
