"""Commands about stored and missing data: export, gaps, quarantine, storage."""
