"""The life of an alert once it is raised: until somebody was at the door and the outcome is recorded."""
