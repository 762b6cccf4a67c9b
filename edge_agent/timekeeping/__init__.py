"""The gateway's clock, and the kernel's word on how far it can be trusted."""
