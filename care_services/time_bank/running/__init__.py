"""Run the time bank from day to day: how requests end and lapse, visits made ahead, alarms answered, who is told."""
