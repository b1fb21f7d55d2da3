"""The API calls page: single calls."""
