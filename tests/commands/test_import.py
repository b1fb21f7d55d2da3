"""`usage-exporter import` accounts for every line, prints errors in one line, and shows no address."""

import gzip
import json
import os
import re
import signal
import stat
import time
from pathlib import Path

import pytest
from access_logs import (
    CRAWLER,
    DOMAIN,
    FIREFOX,
    asked,
    assert_rollups_agree,
    counts,
    cut_small,
    imported,
    line,
    log,
    paths,
    run,
    summary,
)
from files import DATA

from exporter.enrich.accounts import hash_api_key
from exporter.enrich.caller_sample import REMEDY
from exporter.enrich.visitor import load_visitor_secret
from exporter.errors import EngineError
from exporter.model.counting_rules import VERSION
from exporter.store.clickhouse import ClickHouse

CITIES = DATA / 'GeoLite2-City-Test.mmdb'
KEYS = ('0123456789abcdef0123456789abcdef', 'k3y-of-the-city-app')


@pytest.fixture
def file(settings: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    settings.setenv('USAGE_DOMAIN', DOMAIN)
    return tmp_path / 'access.log'


def mixed(numbers: range) -> list[str]:
    """Lines of every fate, five of each six are calls."""
    return [
        'no log' if number % 12 == 5 else line(number, status='abc') if number % 12 == 11 else line(number) for number in numbers
    ]


def texts(database: ClickHouse) -> list[str]:
    """Every text in every table of the database."""
    columns = database.query(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND match(type, 'String|Map|Tuple') "
        "AND type NOT LIKE 'AggregateFunction%' AND table IN (SELECT name FROM system.tables "
        "WHERE database = currentDatabase() AND engine LIKE '%MergeTree')"
    )
    assert {'calls', 'accounts', 'places', 'batches'} <= {column['table'] for column in columns}
    return [
        row['text']
        for column in columns
        for row in database.query(f'SELECT DISTINCT toString({column["name"]}) AS text FROM {column["table"]}')
    ]


def error_lines(text: str) -> list[str]:
    return [row for row in text.splitlines() if row.startswith('error: ')]


def test_the_numbers_of_the_summary_add_up(file: Path, settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_PATHS', '/api/*')
    lines = [*mixed(range(120)), line(120, request='GET /x HTTP/1.1'), line(121, request='OPTIONS /api/x HTTP/1.1'), line(122)]
    file.write_text('\n'.join(lines))
    first = imported(file)
    assert first == summary(stored=100, skipped={'method': 1, 'path': 1}, left=1, format=10, status=10)
    assert list(first) == ['read', 'stored', 'already_stored', 'skipped', 'skipped_by_reason', 'left', 'rejected']
    assert imported(file) == summary(already=100, skipped={'method': 1, 'path': 1}, left=1, format=10, status=10)
    assert imported('--complete', file) == summary(stored=1, already=100, skipped={'method': 1, 'path': 1}, format=10, status=10)
    assert len(paths(database)) == 101
    assert_rollups_agree(database)


def test_the_table_shows_the_same_numbers(file: Path) -> None:
    file.write_text('\n'.join(mixed(range(24))))
    result = run('import', file)
    assert result.exit_code == 0
    numbers = dict(re.findall(r'^(?:\s*)([a-z]+(?: stored)?) +([\d,]+)', result.stdout, re.MULTILINE))
    assert numbers == {
        'read': '24', 'stored': '20', 'already stored': '0', 'skipped': '0', 'left': '1', 'rejected': '3',
    } | {name: number for name, number in numbers.items() if name in ('format', 'status', 'memory')}  # fmt: skip
    assert re.search(r'^memory +[\d,]+ MB  at most, of this process *$', result.stdout, re.MULTILINE)


def test_standard_output_is_only_json(file: Path) -> None:
    file.write_bytes(log(range(3)) + b'x\n')
    result = run('import', file, '--format', 'json')
    assert counts(result.stdout) == summary(stored=3, format=1)
    assert result.stderr == ''


def test_the_other_logs_are_imported_where_one_is_bad(file: Path, tmp_path: Path, database: ClickHouse) -> None:
    names = ['first.log', 'missing.log', 'picture.png', 'directory', 'cut.log.gz', 'last.log']
    (tmp_path / 'first.log').write_bytes(log(range(10)))
    (tmp_path / 'picture.png').write_bytes(b'\x89PNG\r\n' + bytes(range(256)) * 9)
    (tmp_path / 'directory').mkdir()
    (tmp_path / 'cut.log.gz').write_bytes(gzip.compress(log(range(500, 510)))[:-9])
    (tmp_path / 'last.log').write_bytes(log(range(20, 30)))
    result = run('import', *names, '--format', 'json')
    assert result.exit_code == 1
    errors = error_lines(result.stderr)
    assert [any(name in text for text in errors) for name in names] == [False, True, True, True, True, False]
    assert len(errors) == len(result.stderr.splitlines()) == 4
    assert json.loads(result.stdout)['stored'] == len(paths(database)) >= 20
    assert set(asked([*range(10), *range(20, 30)])) <= set(paths(database))


def test_debug_shows_where_each_of_several_errors_comes_from(file: Path, tmp_path: Path) -> None:
    (tmp_path / 'directory').mkdir()
    plain = run('import', 'missing.log', 'directory').stderr
    assert len(error_lines(plain)) == len(plain.splitlines()) == 2
    debug = run('--debug', 'import', 'missing.log', 'directory').stderr
    assert debug.endswith(plain)
    assert debug.count('in import_logs') == 3  # the two errors, and their group


def test_a_refused_file_counts_no_lines(file: Path) -> None:
    file.write_bytes(b'\x89PNG\r\n\x00\x01abc')
    result = run('import', file, '--format', 'json')
    assert (result.exit_code, counts(result.stdout)) == (1, summary())
    assert len(error_lines(result.stderr)) == 1


def test_a_log_that_is_named_twice_counts_once(file: Path, database: ClickHouse) -> None:
    file.write_bytes(log(range(10)))
    assert imported(file, file) == summary(stored=10, already=10)
    assert paths(database) == asked(range(10))


def test_standard_input_given_twice_is_an_error_of_one_line(file: Path) -> None:
    result = run('import', '-', '-', stdin=log(range(10)))
    assert result.exit_code == 1
    assert len(error_lines(result.stderr)) == 1
    assert 'standard input' in result.stderr
    assert 'report it' not in result.stderr  # it is no fault of the program


@pytest.mark.parametrize('error', [OSError(28, 'No space left on device', 'rejected'), EngineError('the disk is full')])
def test_an_error_that_ends_an_import_comes_after_the_summary(
    file: Path, tmp_path: Path, database: ClickHouse, settings: pytest.MonkeyPatch, error: Exception
) -> None:
    (tmp_path / 'first.log').write_bytes(log(range(10)))
    file.write_bytes(log(range(10, 20)) + b'no log\n')

    def full(*_: object) -> None:
        raise error

    settings.setattr('exporter.store.rejects.write', full)
    result = run('import', tmp_path / 'first.log', file)
    assert result.exit_code == 1
    assert re.search(r'^stored +10 ', result.stdout, re.MULTILINE)
    assert len(error_lines(result.stderr)) == len(result.stderr.splitlines()) == 1
    assert 'Next:' not in result.stdout
    assert json.loads(run('import', tmp_path / 'first.log', file, '--format', 'json').stdout)['already_stored'] == 10
    assert set(asked(range(10))) <= set(paths(database))


def test_an_empty_log_is_no_fault(file: Path) -> None:
    file.touch()
    assert imported(file) == summary()
    assert imported('-', stdin=b'') == summary()
    file.write_bytes(gzip.compress(b''))
    assert imported(file) == summary()


@pytest.mark.parametrize('content', [b'', bytes(70_000), gzip.compress(b'')], ids=['no bytes', 'NUL bytes', 'compressed'])
def test_an_empty_log_is_reported_as_empty(file: Path, tmp_path: Path, content: bytes) -> None:
    file.write_bytes(content)
    (tmp_path / 'full.log').write_bytes(log(range(3)))
    result = run('import', file)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f'{file}: empty, no lines to store\n', '')
    printed = run('import', file, tmp_path / 'full.log').stdout
    assert f'\n{file}: empty, no lines to store\n' in printed
    assert re.search('^stored +3 ', printed, re.MULTILINE)
    assert 'full.log: empty' not in printed


def test_empty_standard_input_is_reported_as_empty(file: Path) -> None:
    assert run('import', '-', stdin=b'').stdout == 'standard input: empty, no lines to store\n'


def test_a_failed_import_prints_no_table_of_zeros(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b'\x89PNG\r\n\x00\x01abc')
    result = run('import', file, tmp_path / 'missing.log')
    assert (result.exit_code, result.stdout) == (1, '')
    assert len(error_lines(result.stderr)) == 2
    file.write_bytes(gzip.compress(log(range(1)))[:15])
    result = run('import', file)
    assert (result.exit_code, result.stdout) == (1, '')
    assert 'cut short' in result.stderr


def test_a_name_that_is_not_utf8_is_no_fault(file: Path, tmp_path: Path) -> None:
    odd = tmp_path / 'caf\udce9.log'
    odd.write_bytes(log(range(3)) + b'no log\n')
    assert imported(odd) == summary(stored=3, format=1)
    assert run('rejected', 'list').exit_code == 0


@pytest.mark.parametrize(
    'domain', ['data example', 'http://data.example.org', 'data.example.org/', '', '-x', "d'; DROP TABLE calls"]
)
def test_an_invalid_domain_is_wrong_usage(file: Path, domain: str) -> None:
    file.write_bytes(log(range(3)))
    result = run('import', file, f'--domain={domain}')
    if domain:
        assert result.exit_code == 2
        assert len(error_lines(result.stderr)) == 1
        assert 'invalid domain name' in result.stderr
    else:  # as if it were not given
        assert result.exit_code == 0


def test_a_portal_must_be_named(file: Path, settings: pytest.MonkeyPatch) -> None:
    settings.delenv('USAGE_DOMAIN')
    file.write_bytes(log(range(3)))
    result = run('import', file)
    assert result.exit_code == 2
    assert result.stderr == 'error: no portal is named; add --domain data.example.org, or set USAGE_DOMAIN\n'


def test_no_file_is_wrong_usage(file: Path) -> None:
    assert run('import').exit_code == 2


def test_a_portal_is_one_however_its_name_is_written(file: Path, database: ClickHouse) -> None:
    file.write_bytes(log(range(3)))
    assert imported(file, domain='Data.Example.ORG.') == summary(stored=3)
    assert imported(file) == summary(already=3)
    assert paths(database) == asked(range(3))


def test_a_damaged_place_database_only_warns(
    file: Path, settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path
) -> None:
    (tmp_path / 'places.mmdb').write_bytes(CITIES.read_bytes()[:9_000])
    settings.setenv('USAGE_GEO_DATABASE', str(tmp_path / 'places.mmdb'))
    file.write_text(line(0, ip='81.2.69.160') + '\n')
    result = run('import', file, '--format', 'json')
    assert (result.exit_code, counts(result.stdout)) == (0, summary(stored=1))
    assert result.stderr.startswith('warning: ')
    assert 'places.mmdb' in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert database.query('SELECT country, city FROM calls') == [{'country': 'GB', 'city': ''}]


def test_a_lost_secret_is_one_warning(file: Path, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file.write_bytes(log(range(3)))
    assert 'warning' not in run('import', file).stderr
    (tmp_path / 'data' / 'secret').unlink()
    file.write_bytes(log(range(4)))
    result = run('import', file)
    assert result.exit_code == 0
    assert 'the visitor secret differs from that of earlier calls' in result.stderr
    settings.setenv('USAGE_SECRET', 'another secret of 16 characters')
    file.write_bytes(log(range(5)))
    assert 'the visitor secret differs' in run('import', file).stderr


def test_no_address_and_no_key_is_stored_or_printed(
    file: Path, settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path
) -> None:
    (tmp_path / 'keys.csv').write_text(f'key,account\n{KEYS[1]},city-app\n')
    settings.setenv('USAGE_ACCOUNTS', 'user,query:apikey')
    settings.setenv('USAGE_API_KEYS', 'keys.csv')
    settings.setenv('USAGE_GEO_DATABASE', str(CITIES))
    addresses = ['81.2.69.160', '198.51.100.77', '2001:db8:abcd:12::7', '::ffff:203.0.113.9', 'client7.example.net']
    requests = [f'GET /api/1?apikey={KEYS[0]} HTTP/1.1', f'GET /api/2?x=1&apikey={KEYS[1]}#y HTTP/1.0', 'GET /api/3 HTTP/1.1']
    lines = [line(1, ip=ip, request=request, user='-') for ip in addresses for request in requests]
    rejects = [f'{ip} no log?apikey={key}' for ip in addresses for key in KEYS] + [line(1, ip=f'{addresses[0]}/80', user=KEYS[0])]
    file.write_text('\n'.join([*lines, *rejects, '']))
    printed = [run('import', file), run('import', file, '--format', 'json'), run('import', tmp_path / 'missing', file)]
    printed += [run('report', '--from', '2024-10-01', '--to', '2024-11-30', *form) for form in ((), ('--format', 'json'))]
    assert [result.exit_code for result in printed] == [0, 0, 1, 0, 0]
    stored = texts(database)
    secret = load_visitor_secret(tmp_path / 'data', None)
    assert {'city-app', hash_api_key(KEYS[0], secret), 'London'} <= set(stored)
    everything = '\n'.join([*stored, *(result.output for result in printed)])
    assert not [hidden for hidden in (*addresses, *KEYS, '203.0.113.9', 'client7') if hidden in everything]
    assert database.query('SELECT uniqExact(visitor) AS visitors FROM calls') == [{'visitors': 5}]


def test_no_key_is_stored_where_the_question_mark_is_missing(
    file: Path, settings: pytest.MonkeyPatch, database: ClickHouse
) -> None:
    settings.setenv('USAGE_ACCOUNTS', 'query:apikey')
    file.write_text(line(1, request=f'GET /api/records&apikey={KEYS[0]} HTTP/1.1') + '\n')
    imported(file)
    assert not [text for text in texts(database) if KEYS[0] in text]


def test_rejects_are_their_owners_only_and_listed(file: Path, tmp_path: Path) -> None:
    file.write_bytes(log(range(3)) + b'caf\xe9 \x1b[31m\n' + line(3, status='abc').encode() + b'\n')
    assert imported(file) == summary(stored=3, format=1, status=1)
    directory = tmp_path / 'data' / 'rejected'
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(kept.stat().st_mode) for kept in directory.iterdir()} == {0o600}
    listed = json.loads(run('rejected', 'list', '--format', 'json').stdout)
    assert [(row['reason'], row['domain'], row['origin'], row['offset']) for row in listed] == [
        ('format', DOMAIN, str(file), len(log(range(3)))),
        ('status', DOMAIN, str(file), len(log(range(3))) + 11),
    ]
    assert listed[1]['text'] == line(3, status='abc')
    shown = [run('rejected', 'list', '--domain', DOMAIN, '--format', form) for form in ('table', 'csv')]
    assert [result.exit_code for result in shown] == [0, 0]
    assert all('status' in result.stdout for result in shown)
    assert '\x1b' not in shown[0].stdout  # a log's line must not steer the terminal
    assert json.loads(run('rejected', 'list', '--domain', 'other.example.org', '--format', 'json').stdout) == []


def test_an_account_is_never_a_crawler(file: Path, database: ClickHouse) -> None:
    file.write_text(
        ''.join(line(number, user=user, agent=CRAWLER) + '\n' for number, user in enumerate(['alice', '-', 'alice', '-']))
    )
    imported(file)
    assert database.query('SELECT user_id, client, count() AS n FROM calls GROUP BY ALL ORDER BY n DESC, user_id DESC') == [
        {'user_id': 'alice', 'client': 'api_client', 'n': 2},
        {'user_id': '', 'client': 'crawler', 'n': 2},
    ]
    assert database.query("SELECT crawler, sum(calls) AS n FROM accounts WHERE user_id = 'alice' GROUP BY crawler") == [
        {'crawler': 0, 'n': 2}
    ]


def test_settings_of_the_portal_are_used(file: Path, settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> None:
    (tmp_path / 'usage-exporter.toml').write_text(
        'paths = ["/api/*"]\n'
        '[domains."data.example.org"]\ntimezone = "Asia/Kathmandu"\npaths = ["/files/*"]\ndatasets = ["^/files/([a-z]{2,9})"]\n'
    )
    settings.delenv('USAGE_DOMAIN')
    lines = line(0, request='GET /files/trees.csv HTTP/1.1', time='17/May/2025:18:15:00 +0000'), line(1)
    file.write_text('\n'.join([*lines, '']), encoding='utf-8')
    assert imported(file) == summary(stored=1, skipped={'path': 1})
    file.write_text('\n'.join([*reversed(lines), '']), encoding='utf-8')
    assert imported(file, domain='other.example.org') == summary(stored=1, skipped={'path': 1})
    assert database.query('SELECT domain, timezone, toString(day) AS day, dataset_id, path FROM calls ORDER BY domain') == [
        {'domain': DOMAIN, 'timezone': 'Asia/Kathmandu', 'day': '2025-05-18', 'dataset_id': 'trees', 'path': '/files/trees.csv'},
        {'domain': 'other.example.org', 'timezone': 'UTC', 'day': '2024-10-30', 'dataset_id': '', 'path': '/api/1'},
    ]


def test_a_log_format_can_be_chosen(file: Path, database: ClickHouse) -> None:
    common = line(0).partition(' "-" ')[0]
    file.write_text(f'{common}\n{line(1)}\n')
    result = run('import', file, '--log-format', 'combined', '--format', 'json')
    assert counts(result.stdout) == summary(stored=1, format=1)
    file.write_text(f'{line(1)}\n{common}\n')
    assert run('import', file, '--log-format', 'common', '--domain', 'common.example.org').exit_code == 0
    agents = database.query('SELECT domain, groupUniqArray(browser) AS browsers FROM calls GROUP BY domain ORDER BY domain')
    assert [row['browsers'] for row in agents] == [[''], ['Mobile Safari']]
    only = file.with_name('common.log')
    only.write_text(f'{common}\n')
    refused = run('import', only, '--log-format', 'combined')
    assert refused.exit_code == 1
    assert "no line is in the format 'combined'; choose another" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize('interrupts', [1, 2, 1_000], ids=['once', 'twice', 'at every batch'])
def test_an_interrupt_says_what_was_stored_and_the_next_import_finishes(
    file: Path, settings: pytest.MonkeyPatch, database: ClickHouse, interrupts: int
) -> None:
    cut_small(settings, 3_000)
    file.write_bytes(log(range(300)))
    real, sent = ClickHouse.insert_file, list[int]()

    def interrupted(self: ClickHouse, table: str, columns: list[str], block: Path, token: str) -> None:
        for place in ('before', 'after'):  # the second may come while the first is being heeded
            if len(sent) < interrupts:
                sent.append(signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)  # the main thread heeds it
            if place == 'before':
                real(self, table, columns, block, token)

    with settings.context() as patch:
        patch.setattr(ClickHouse, 'insert_file', interrupted)
        result = run('import', file, '--format', 'json')
    assert result.exit_code == 1
    assert result.stderr == 'error: interrupted; stored calls stay stored: run the command again to finish the import\n'
    stored = counts(result.stdout)['stored']
    assert 0 < stored < 300
    assert paths(database) == asked(range(stored))
    assert imported(file) == summary(stored=300 - stored, already=stored)
    assert_rollups_agree(database)


def test_an_import_that_an_earlier_program_began_is_counted_by_the_rules_of_this_one(
    file: Path, settings: pytest.MonkeyPatch, database: ClickHouse
) -> None:
    def failing(*_: object) -> None:
        raise EngineError('the disk is full', code=243)

    file.write_bytes(log(range(3)))
    with settings.context() as patch:
        patch.setattr(ClickHouse, 'insert_file', failing)
        assert run('import', file).exit_code == 1
    database.command('ALTER TABLE batches UPDATE rules = 1 WHERE 1 SETTINGS mutations_sync = 1')
    assert imported(file) == summary(stored=3)
    rows = database.query('SELECT toString(state) AS state, rules FROM batches ORDER BY state, rules')
    assert [tuple(row.values()) for row in rows] == [('begun', 1), ('begun', VERSION), ('done', VERSION)]


def test_a_disk_that_cannot_keep_rejects_is_an_error_of_one_line(file: Path, database: ClickHouse, tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'rejected').touch()
    file.write_bytes(log(range(3)) + b'no log\n')
    result = run('import', file)
    assert result.exit_code == 1
    assert len(error_lines(result.stderr)) == 1
    assert str(tmp_path / 'data' / 'rejected') in result.stderr
    assert 'report it' not in result.stderr  # it is no fault of the program
    (tmp_path / 'data' / 'rejected').unlink()
    assert imported(file) == summary(stored=3, format=1)
    assert paths(database) == asked(range(3))


def test_every_agent_of_a_line_is_read(file: Path, database: ClickHouse) -> None:
    file.write_text(f'{line(0, agent=FIREFOX)}\n{line(1, agent=FIREFOX.replace("Gecko", chr(92) + chr(34) + "Gecko"))}\n')
    imported(file)
    assert database.query('SELECT DISTINCT browser, os, device FROM calls') == [
        {'browser': 'Firefox', 'os': 'Linux', 'device': 'desktop'}
    ]


# what becomes of odd lines and files


def test_an_import_fails_if_every_line_is_rejected(file: Path) -> None:
    """One line is in the format, so the file is a log; its lines are kept as rejects."""
    file.write_text(line(0, status='abc') + '\nno log\n')
    for _ in range(2):
        result = run('import', file)
        assert result.exit_code == 1
        assert error_lines(result.stderr) == [
            'error: all 2 lines are rejected; see usage-exporter rejected list, and choose --log-format'
        ]
    file.write_text(line(0, status='abc') + '\n\n')
    assert run('import', file).exit_code == 0  # one is skipped


def test_each_kind_of_line(file: Path, database: ClickHouse) -> None:
    odd = f'\ufeff{line(0)}\n\n#Software: x\n{line(1)}{line(2)}\n{line(3)}\r{line(4)}\n \t\r\n'
    file.write_bytes(odd.encode() + bytes(5_000) + line(5).encode() + b'\n')
    for _ in range(2):
        result = run('import', file, '--format', 'json')
        lines = counts(result.stdout)
        assert (lines['read'], lines['stored'] + lines['already_stored']) == (8, 4)
        assert (lines['skipped'], lines['skipped_by_reason']) == (3, {'blank': 2, 'comment': 1})
        assert lines['rejected'] == {'format': 1}
    assert paths(database) == asked([0, 3, 4, 5])
    table = run('import', file).stdout
    assert re.search(r'^skipped +3 .*\n +2 +blank *\n +1 +comment *$', table, re.MULTILINE)


def test_a_gzip_with_something_behind_it_counts_with_a_warning(
    file: Path, database: ClickHouse, caplog: pytest.LogCaptureFixture
) -> None:
    for garbage in (b'x', b'garbage', b'\0\0\0x' + bytes(600)):
        file.write_bytes(gzip.compress(log(range(20))) + gzip.compress(log(range(20, 30))) + garbage)
        result = run('import', file)
        assert result.exit_code == 0
    assert [record.message for record in caplog.records] == [f'{file}: ignored the data after the gzip stream'] * 3
    assert paths(database) == asked(range(30))


def test_a_file_that_is_not_a_log_is_refused_with_a_remedy(file: Path) -> None:
    file.write_bytes(log(range(9)).decode().encode('utf-16'))
    result = run('import', file)
    assert result.exit_code == 1
    assert error_lines(result.stderr) == [
        f'error: {file}: this is UTF-16 text; convert it with iconv -f UTF-16 -t UTF-8 and import the result'
    ]


def test_a_log_of_a_proxys_address_is_reported_once(file: Path) -> None:
    file.write_bytes(log(range(700), ip='10.0.0.1'))
    result = run('import', file, '-', stdin=log(range(700, 1_400), ip='10.0.0.2'))
    assert result.exit_code == 0
    assert result.stderr == f'warning: {DOMAIN}: nearly all of 1,400 calls come from at most 3 addresses; {REMEDY}\n'
    file.write_bytes(log(range(3_000, 6_000)))
    assert run('import', file).stderr == ''


def test_invalid_trusted_proxies_are_one_line(file: Path, settings: pytest.MonkeyPatch) -> None:
    file.write_bytes(log(range(1)))
    settings.setenv('USAGE_TRUSTED_PROXIES', 'private,10.0.0.1/8')
    result = run('import', file)
    message = "error: trusted_proxies: invalid network '10.0.0.1/8'; write it as 10.0.0.0/8\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, '', message)


NOTATION = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" '


def test_accounts_come_from_a_logged_header(file: Path, settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_ACCOUNTS', 'field:X-User,field:X-Api-Key,query:apikey,user')
    settings.setenv('USAGE_LOG_FORMAT', f'{NOTATION}"$http_x_api_key" "$http_x_user"')
    (file.parent / 'keys.csv').write_text(f'key,account\n{KEYS[1]},city-app\n')
    settings.setenv('USAGE_API_KEYS', str(file.parent / 'keys.csv'))
    headers = (KEYS[0], 'bob'), (KEYS[0], '-'), (KEYS[1], '-'), ('-', '-')
    lines = [f'{line(number, user="alice")} "{api_key}" "{user}"\n' for number, (api_key, user) in enumerate(headers)]
    query = line(4, user='alice', request=f'GET /api/4?apikey={KEYS[0]} HTTP/1.1')
    file.write_text(''.join([*lines, f'{query} "-" "-"\n']))
    result = run('import', file)
    assert (result.exit_code, result.stderr) == (0, '')
    hashed = hash_api_key(KEYS[0], load_visitor_secret(file.parent / 'data', None))
    accounts = [row['user_id'] for row in database.query('SELECT user_id FROM calls ORDER BY path')]
    assert accounts == ['bob', hashed, 'city-app', 'alice', hashed]
    assert not [text for text in texts(database) if KEYS[0] in text or KEYS[1] in text]


def test_a_field_that_the_log_does_not_have_is_reported(file: Path, settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_ACCOUNTS', 'field:X-User,user')
    file.write_bytes(log(range(10)))
    result = run('import', file)
    assert result.exit_code == 0
    assert result.stderr == (
        f'warning: {DOMAIN}: accounts: no line of 10 calls has field:X-User; '
        'log the field and give its notation in log_format, or correct the name\n'
    )
    assert run('import', file).stderr == ''  # nothing new was read
