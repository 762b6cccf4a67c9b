"""One module for each subject, its templates beside it."""
