"""Care beyond the alarm: assessment, home care beds, services, meals, time bank, people, registers, privacy."""
