"""Maintenance by an operator: check, forget, retry, remove old data, back up."""
