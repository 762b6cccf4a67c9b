"""The rows of the table of drills, by what breaks: processes, lines, or what surrounds them."""
