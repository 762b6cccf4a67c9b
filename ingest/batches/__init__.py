"""Messages decoded into batches of rows, without repetitions."""
