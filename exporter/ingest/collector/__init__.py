"""Calls that are sent over HTTP."""
