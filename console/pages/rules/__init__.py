"""Pages of the rules: escalation policies with their dry run, thresholds with their preview."""
