"""The platform's own data: five classes of it, where its figures come from, and the map of five in one."""
