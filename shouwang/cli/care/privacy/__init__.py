"""The commands of personal data: consents, copies, erasures; research, periods, duties and breaches."""
