"""Reads a catalogue as a CSV file of our own: id, names, title, publisher, theme, created."""

import csv
from collections.abc import Iterator
from typing import TextIO

from exporter.catalogue.dataset import Dataset, clean_name, dataset, day
from exporter.catalogue.fetch import Answer
from exporter.errors import InputError

COLUMNS = ('id', 'names', 'title', 'publisher', 'theme', 'created')


def header(first_line: str) -> tuple[list[str], str] | None:
    """The columns and the separator of a first line; None if it has no column `id`."""
    for separator in ',;\t':
        columns = [name.strip().strip('"').lower() for name in first_line.strip().split(separator)]
        if 'id' in columns:
            return columns, separator
    return None


def read(answer: Answer) -> Iterator[Dataset]:
    """Yields the data sets. Raises InputError for the first line that is invalid."""
    if not answer.is_whole:
        raise InputError(f'{answer.shown}: the answer has no length, so one that breaks off looks whole', 'name a file')
    answer.refuse_large()
    with answer.path.open(encoding='utf-8-sig', newline='') as file:
        try:
            yield from _datasets(answer, file)
        except UnicodeDecodeError:
            line = _invalid_line(answer)
            raise InputError(f'{answer.shown}: line {line} is not UTF-8', 'save the file as UTF-8') from None


def _datasets(answer: Answer, file: TextIO) -> Iterator[Dataset]:
    columns, separator = header(file.readline()) or ([], ',')
    if unknown := next((name for name in columns if name not in COLUMNS), None):
        raise InputError(f'{answer.shown}: unknown column {unknown!r}', f'the columns are {", ".join(COLUMNS)}')
    lines = csv.reader(file, delimiter=separator, strict=True)
    try:
        for row in lines:
            if any(map(str.strip, row)):
                yield _dataset(answer, 1 + lines.line_num, columns, row)
    except csv.Error as error:
        raise InputError(f'{answer.shown}: line {1 + lines.line_num} is invalid CSV ({error})', 'fix this line') from None


def _invalid_line(answer: Answer) -> int:
    """The number of the first line that is not UTF-8."""
    with answer.path.open('rb') as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0


def _dataset(answer: Answer, line: int, columns: list[str], row: list[str]) -> Dataset:
    where = f'{answer.shown}: line {line}'
    if len(row) != len(columns):
        raise InputError(f'{where} has {len(row)} fields, the first line {len(columns)}', 'fix this line, or quote its texts')
    values = dict(zip(columns, row, strict=True))
    created = values.get('created', '').strip()
    if created and day(created) is None:
        raise InputError(f'{where}: invalid day {created!r}', 'write it as 2026-11-01')
    if not clean_name(values['id']):
        raise InputError(f'{where} has no id', 'give the data set the identifier of the portal')
    names = values.get('names', '').split()
    return dataset(values['id'], names, values.get('title'), values.get('publisher'), values.get('theme'), created)
