"""What becomes of a finding at the database: which forms it may take, and what has been written."""
