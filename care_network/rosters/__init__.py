"""Rosters as people plan them: a week of an organisation, copied, swapped and mended, with what each change opens."""
