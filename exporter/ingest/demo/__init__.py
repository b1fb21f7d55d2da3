"""The calls of a made-up portal."""
