"""Messages that can not be stored: kept with reason and bytes, processed again on demand."""
