"""Texts of messages in Chinese and English, short, long and spoken: of alerts, and of holes in the roster."""
