"""`report` limits and divides what it counts, as JSON, CSV and a table, and refuses what it cannot in one line."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from access_logs import run
from databases import Databases
from known_calls import CALLS, DOMAIN, FIRST, KEYS, LAST, RENT, divided, measured, selected, store

from exporter.report import indicators
from exporter.report.divisions import MEASURES
from exporter.report.part import ALL, Part
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect

PERIOD = ('--from', FIRST, '--to', LAST)
TREES, BUREAU = Part('id-of-trees', 'Trees', 'City'), Part(publisher=RENT.publisher)


@pytest.fixture(scope='module')
def portal(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """The portal of known_calls.py, which the command reads. Tests only read it."""
    folder = tmp_path_factory.mktemp('report')
    with databases.ready() as url, pytest.MonkeyPatch.context() as environment, closing(connect(url)) as database:
        environment.setenv('USAGE_CLICKHOUSE_URL', url)
        environment.setenv('USAGE_DATA_DIR', str(folder))
        store(database)
        yield database


def answer(*options: str) -> Any:
    result = run('report', *PERIOD, '--format', 'json', *options)
    assert (result.exit_code, result.stderr) == (0, ''), result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures('portal')
@pytest.mark.parametrize(
    ('options', 'part'),
    [
        (['--dataset', 'trees'], TREES),
        (['--publisher', RENT.publisher], BUREAU),
        (['--dataset', 'raw', '--exact'], Part('raw', '', '')),
    ],
)
def test_the_report_of_a_part_has_all_indicators(options: list[str], part: Part) -> None:
    report, calls = answer(*options), selected(part)
    numbers = measured(calls)
    assert list(report) == [
        *indicators.Report.__struct_encode_fields__,
        *('dataset', 'title', 'publisher', 'queries', 'downloads', 'download_requests', 'page_views', 'errors', 'bytes'),
    ]
    assert (report['dataset'], report['title'], report['publisher']) == (part.dataset, part.title, part.publisher)
    assert {name: report[name] for name in MEASURES if name != 'users'} == {
        name: number for name, number in numbers.items() if name != 'users'
    }
    assert report['total_users'] == numbers['users']
    assert report['calls_per_user'] == pytest.approx(len(calls) / numbers['users'])
    accounts = len({call.user_id for call in calls if call.user_id})
    assert report['anonymous_users_percent'] == pytest.approx(100 * (numbers['users'] - accounts) / numbers['users'])
    assert report['download_requests'] == sum(call.action == 'download' for call in calls)
    assert {row['day']: row['calls'] for row in report['activity'] if row['calls']} == Counter(str(call.day) for call in calls)
    assert sum(row['calls'] for row in report['map']) + report['unlocated_calls'] == len(calls)
    assert report['crawler_calls'] == len(selected(part, True)) - len(calls)
    assert {row['user']: row['calls'] for row in report['top_users']} == Counter(call.user_id or 'anonymous' for call in calls)
    lines = list(csv.DictReader(io.StringIO(run('report', *PERIOD, '--format', 'csv', *options).stdout)))
    values = {row['indicator']: row['value'] for row in lines if not row['of']}
    assert values['dataset'] == (part.dataset or '')
    assert values['downloads'] == str(numbers['downloads'])


@pytest.mark.usefixtures('portal')
def test_a_listed_data_set_without_calls_is_zeros() -> None:
    result = run('report', *PERIOD, '--format', 'json', '--dataset', 'new')
    assert result.stderr == 'no calls of new in this period\n'
    report = json.loads(result.stdout)
    assert {report[name] for name in ('calls', 'total_users', 'queries', 'downloads', 'page_views', 'errors', 'bytes')} == {0}
    assert report['calls_per_user'] is None


@pytest.mark.usefixtures('portal')
@pytest.mark.parametrize('by', ['dataset', 'month', 'status'])
def test_a_division_is_the_same_in_every_format(by: str) -> None:
    rows = answer('--by', by)
    expected = divided(selected(ALL), by)
    assert {row[by]: row['calls'] for row in rows if row['calls']} == {key: counted['calls'] for key, counted in expected.items()}
    assert rows == answer('--by', by, '--exact')
    names = [by, 'title', 'publisher'] if by == 'dataset' else [by]
    assert [list(row) for row in rows] == [[*names, *MEASURES]] * len(rows)
    lines = list(csv.DictReader(io.StringIO(run('report', *PERIOD, '--format', 'csv', '--by', by).stdout)))
    assert lines == [{name: '' if value is None else str(value) for name, value in row.items()} for row in rows]
    table = run('report', *PERIOD, '--by', by, '--lang', 'fr').stdout.splitlines()
    assert len(table) == len(rows) + 2
    assert 'Téléch.' in table[0]


@pytest.mark.usefixtures('portal')
def test_options_combine() -> None:
    months = answer('--by', 'month', '--dataset', '/files/rent.csv', '--publisher', RENT.publisher, '--crawlers')
    assert {row['month']: row['users'] for row in months} == {
        month: counted['users'] for month, counted in divided(selected(BUREAU, True), 'month').items()
    }
    assert [row['dataset'] for row in answer('--by', 'dataset', '--publisher', RENT.publisher)] == ['rent-1', 'new']


@pytest.mark.usefixtures('portal')
@pytest.mark.parametrize(
    ('options', 'error'),
    [
        (['--dataset', 'tree'], f"{DOMAIN} has no data set 'tree'; did you mean 'trees' or 'id-of-trees' or 'rent'?"),
        (['--dataset', '\udcff'], f"{DOMAIN} has no data set '\ufffd'; the report by dataset lists them"),
        (['--publisher', 'Town'], f"{DOMAIN} has no publisher 'Town'; the report by publisher lists them"),
        (
            ['--by', 'dataset', '--dataset', 'trees'],
            'the calls of one data set cannot be divided by data set; choose one of the two',
        ),
        (
            ['--by', 'publisher', '--dataset', 'trees'],
            'the calls of one data set cannot be divided by publisher; choose one of the two',
        ),
        (['--by', 'month', '--format', 'html'], 'there is no page by month; choose another --format, or leave --by out'),
        (
            ['--by', 'theme', '--publisher', 'City'],
            'the calls of one publisher cannot be divided by theme; choose one of the two',
        ),
    ],
)
def test_what_cannot_be_counted_is_wrong_usage_in_one_line(options: list[str], error: str) -> None:
    result = run('report', *PERIOD, *options)
    assert (result.exit_code, result.stdout, result.stderr) == (2, '', f'error: {error}\n')


@pytest.mark.usefixtures('settings')
def test_notes_name_calls_that_are_not_counted(database: ClickHouse) -> None:
    database.insert_rows('calls', [CALLS[0].row() | {'method': 'POST', 'dataset_id': ''}], token='post')
    assert KEYS['action'](CALLS[0]) == 'query'
    result = run('report', *PERIOD, '--by', 'dataset', '--format', 'json')
    assert result.stderr == 'API calls with POST and without a data set: 1; their body, which is in no log, may name one\n'
    assert json.loads(result.stdout)[0]['calls'] == 1
    database.insert_rows('retention', [{'at': '2026-11-19 00:00:00', 'calls_from': date(2026, 10, 20)}], token='retention')
    schema.apply(database)
    assert run('report', *PERIOD, '--by', 'status').stderr == ''
    early = run('report', '--from', '2026-10-19', '--to', LAST, '--by', 'status', '--lang', 'fr')
    assert early.stderr == 'les appels avant le 2026-10-20 sont supprimés et ne sont pas comptés ici\n'
    refused = run('report', '--from', '2026-10-19', '--to', LAST, '--exact')
    assert (refused.exit_code, refused.stderr.count('\n')) == (2, 1)


@pytest.mark.usefixtures('portal')
@pytest.mark.parametrize('options', [['--format', form] for form in ('table', 'json', 'csv', 'html')] + [['--by', 'month']])
def test_a_file_gets_what_would_be_printed(options: list[str], tmp_path: Path) -> None:
    file = tmp_path / 'report.txt'
    file.write_text('an older report')
    printed = run('report', *PERIOD, *options)
    written = run('report', *PERIOD, *options, '-o', file)
    assert (written.exit_code, written.stdout, written.stderr) == (0, '', '')
    assert file.read_text(encoding='utf-8') == printed.stdout
    assert [path.name for path in tmp_path.iterdir()] == ['report.txt']
    (tmp_path / 'usual').touch()
    assert file.stat().st_mode == (tmp_path / 'usual').stat().st_mode


@pytest.mark.usefixtures('portal')
def test_a_file_stays_as_it_is_if_the_report_fails(tmp_path: Path) -> None:
    file = tmp_path / 'report.html'
    file.write_text('an older report')
    failed = run('report', '--from', '2026-11-02', '--to', '2026-11-01', '--format', 'html', '-o', file)
    assert (failed.exit_code, file.read_text()) == (2, 'an older report')
    nowhere = run('report', *PERIOD, '-o', tmp_path / 'missing' / 'report.html')
    assert (nowhere.exit_code, nowhere.stderr.count('\n')) == (1, 1)


@pytest.mark.usefixtures('portal')
def test_a_device_is_written_not_replaced() -> None:
    assert run('report', *PERIOD, '-o', '/dev/null').exit_code == 0
    assert Path('/dev/null').is_char_device()
