"""The work of longer commands, without their options."""
