"""The state machine of an alert, its outcomes, its evidence in words, and answers to messages."""
