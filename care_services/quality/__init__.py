"""Quality control at three levels and four times, with findings, deadlines and re-checks."""
