"""One transaction: rows by COPY, marks, hours to roll up."""
