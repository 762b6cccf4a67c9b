"""Ability assessment: lists, a resident's assessments, the form, signatures, the sheet on paper, proposals."""
