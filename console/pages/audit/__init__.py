"""The audit for those who may read it: search, export, whether it is whole."""
