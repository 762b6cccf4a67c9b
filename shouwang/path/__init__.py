"""Proof of the path: synthetic residents press and fall, and each link is watched up to the receipt."""
