"""What longer commands do, without their options."""
