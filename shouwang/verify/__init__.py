"""Proof that nothing is lost or doubled: gateways that send, servers that die, and an account of every reading."""
