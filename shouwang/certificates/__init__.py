"""Certificates of gateways for years: issue, renewal, enrolment, revocation at the brokers."""
