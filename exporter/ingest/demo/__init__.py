"""The calls of an invented portal."""
