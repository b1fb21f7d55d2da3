"""A CSV file as a catalogue: its columns, and an error with its line for each mistake."""

from datetime import date
from pathlib import Path

import pytest

from exporter.catalogue.csv_file import read
from exporter.catalogue.dataset import Dataset
from exporter.catalogue.fetch import open_file
from exporter.errors import InputError

TREES = Dataset('trees', ('t1', '/files/trees.csv'), 'Trees, old', 'City', 'Nature', date(2026, 11, 2))


def read_text(folder: Path, text: str | bytes) -> list[Dataset]:
    file = folder / 'data-sets.csv'
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read(open_file(str(file))))


@pytest.mark.parametrize(
    'text',
    [
        'id,names,title,publisher,theme,created\ntrees,t1 /files/trees.csv,"Trees, old",City,Nature,2026-11-02\n',
        'created;id;title;theme;publisher;names\r\n2026-11-02T10:00:00Z;trees;Trees, old;Nature;City;t1  /files/trees.csv',
        '\ufeff"id"\tnames\tTITLE\tpublisher\ttheme\tcreated\n\ntrees\tt1 /files/trees.csv\tTrees, old\tCity\tNature\t2026-11-02\n\n',
    ],
)
def test_columns_in_any_order_with_any_separator(tmp_path: Path, text: str) -> None:
    assert read_text(tmp_path, text) == [TREES]


def test_only_the_identifier_is_needed(tmp_path: Path) -> None:
    assert read_text(tmp_path, 'id\ntrees\n') == [Dataset('trees', title='trees')]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('id,name\ntrees,t1\n', "unknown column 'name'; the columns are id, names, title, publisher, theme, created"),
        ('id,title\ntrees,Trees\nair\n', 'line 3 has 1 fields, the first line 2; fix this line'),
        ('id,title\n,Trees\n', 'line 2 has no id; give'),
        ('id,created\ntrees,soon\n', "line 2: invalid day 'soon'; write it as 2026-11-01"),
        ('id,title\ntrees,"Trees\n', 'line 2 is invalid CSV'),
        (b'id,title\ntrees,Trees\nair,\xe9t\xe9\n', 'line 3 is not UTF-8; save the file as UTF-8'),
    ],
)
def test_a_mistake_is_an_error_that_names_the_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_text(tmp_path, text)
    assert f'data-sets.csv: {message}' in str(raised.value)
