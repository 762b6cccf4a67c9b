"""Dry run of an escalation policy on past alerts: whom it would have called when, beside what was really done."""
