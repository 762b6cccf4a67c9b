"""The frame of the pages of administration: their list, and the way from one to another."""
