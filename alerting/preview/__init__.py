"""Previews of a parameter by replay: alerts of the last days with another value, in a process of its own."""
