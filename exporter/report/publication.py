"""Hides in published numbers what could tell about single persons."""


def few(number: int, minimum: int) -> int | str:
    """A number of users as it may be published: `fewer than 5` if it is below the minimum. Nobody stays 0."""
    return f'fewer than {minimum}' if 0 < number < minimum else number
