"""What people see of gateways, devices and the intake, and what they do about them: with permission, area and audit."""
