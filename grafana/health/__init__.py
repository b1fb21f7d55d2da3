"""The Health page: whether calls arrive and are stored."""
