"""Rules of the figures as pure functions: shares with intervals, run charts, forecasts, months, definitions."""
