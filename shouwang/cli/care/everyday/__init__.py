"""Commands of everyday care: meals, complaints, quality control."""
