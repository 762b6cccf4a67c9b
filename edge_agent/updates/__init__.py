"""Signed updates of the configuration: signature, check, trial, return to the version before."""
