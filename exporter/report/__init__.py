"""Answers: the indicators and events, and their forms."""
