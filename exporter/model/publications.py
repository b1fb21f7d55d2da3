"""The events of days on which data sets were published: their titles, in each language."""

from collections.abc import Sequence

PREFIX = 'catalogue-'  # begins the id of such an event; no other event has it
MOST_TITLES = 5  # of data sets in the title of an event

# Patterns of the stored, English title and what replaces them, by language. They mean the same to Python and to ClickHouse.
TRANSLATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    'en': (),
    'fr': (
        (r'^1 new data set: ', '1 nouveau jeu de données : '),
        (r'^([0-9,]+) new data sets: ', r'\1 nouveaux jeux de données : '),
        (r', …and ([0-9,]+) more', r', … et \1 de plus'),
    ),
}


def title(titles: Sequence[str]) -> str:
    """The title of the event of a day, from the titles of its data sets: `3 new data sets: A, B, C`."""
    number = f'{len(titles):,} new data set{"" if len(titles) == 1 else "s"}'
    more = f', …and {len(titles) - MOST_TITLES:,} more' if len(titles) > MOST_TITLES else ''
    return f'{number}: {", ".join(titles[:MOST_TITLES])}{more}'
