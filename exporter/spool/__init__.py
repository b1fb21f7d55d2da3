"""Calls that are accepted and not stored yet."""
