"""The Users page: who uses a portal."""
