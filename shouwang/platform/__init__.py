"""The whole platform on one machine: demo, doctor, child processes."""
