"""Refusals of the figures, in two languages."""

from vocabulary.errors import BilingualError


class NoChineseFontError(BilingualError, RuntimeError):
    """This machine has no font with Chinese letters; the texts say what to install."""
