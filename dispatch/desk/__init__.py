"""Work at the dispatch desk besides the steps of an alert: calls, hand-over, groups, statistics."""
