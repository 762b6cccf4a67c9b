"""Who is called when nobody answers: policies, the ladder of every alert, and the processes that climb it."""
