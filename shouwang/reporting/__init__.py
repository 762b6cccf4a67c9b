"""The process of the exchange with other levels: packages made and sent, registers fetched, with rights of its own."""
