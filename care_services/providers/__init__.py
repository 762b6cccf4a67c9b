"""Providers' own accounts: who goes, requests to answer, the day's meals, settlements, complaints and findings."""
