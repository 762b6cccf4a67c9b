"""Messages decoded into batches of rows; what was stored before is dropped."""
