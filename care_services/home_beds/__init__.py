"""Home care beds from the application to the closing, with equipment in stock, lent and accepted by a live test."""
