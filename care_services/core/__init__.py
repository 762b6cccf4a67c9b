"""Amounts of money, rules that are data, and the facts that they ask for; shared by all parts."""
