"""The ability assessment of GB/T 42195-2022: the form, the grade, the two signatures and what a grade proposes."""
