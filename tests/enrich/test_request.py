"""The data set, account and path of a request, by the rules of the portal."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requested_paths import READ

from exporter.config import PortalRules
from exporter.enrich.accounts import hash_api_key
from exporter.enrich.paths import LONGEST_PATH
from exporter.enrich.request import Requests
from exporter.errors import SettingsError
from exporter.model.call import LONGEST_NAME
from exporter.model.reject import Skip

KEY = b'k' * 32


def read(*paths: str, user: str = '', method: str = 'GET', **portal: Any) -> list[dict[str, Any]]:
    """The columns that are read from requests, as dicts."""
    calls = pl.DataFrame({'path': list(paths), 'user_id': user, 'method': method})
    return Requests(PortalRules(**portal), KEY)(calls).to_dicts()


def read_one(path: str, **portal: Any) -> dict[str, Any]:
    return read(path, **portal)[0]


@pytest.mark.parametrize(('path', 'dataset', 'action'), READ)
def test_presets(path: str, dataset: str, action: str) -> None:
    row = read_one(path)
    assert (row['dataset_id'], row['action'], row['skip']) == (dataset, action, None)


def test_only_the_configured_presets_are_used() -> None:
    paths = '/api/v2.1/catalog/datasets/arbres', '/dataset/population', '/resource/abcd-1234'
    assert [call['dataset_id'] for call in read(*paths, datasets=('ckan',))] == ['', 'population', '']
    assert [call['dataset_id'] for call in read(*paths, datasets=())] == ['', '', '']


@pytest.mark.parametrize(
    ('datasets', 'path', 'dataset'),
    [
        (('query:layer',), '/wms?service=WMS&layer=trees', 'trees'),
        (('query:layer',), '/wms?layers=trees', ''),
        ((r'^/files/([\w-]+)\.csv$',), '/files/trees-2025.csv?download=1', 'trees-2025'),
        ((r'^/files/([\w-]+)\.csv$',), '/files/trees-2025.json', ''),
        ((r'^/a/([^/]+)', 'query:id'), '/a/one?id=two', 'one'),
        ((r'^/a/([^/]+)', 'query:id'), '/b/one?id=two', 'two'),
        ((r'^/a/([^/]+)', 'socrata'), '/resource/abcd-1234', 'abcd-1234'),
        ((r'^/(?:x|y)/([0-9]{2,3})(?:/.*)?$',), '/y/123/z', '123'),
    ],
)
def test_own_rules(datasets: tuple[str, ...], path: str, dataset: str) -> None:
    assert read_one(path, datasets=datasets)['dataset_id'] == dataset


@pytest.mark.parametrize(
    ('setting', 'values'),
    [
        ('paths', tuple(f'/api/{number}/*' for number in range(20_000))),
        ('accounts', ('query:' + 'é' * 300_000,)),
        ('datasets', ('query:' + 'é' * 300_000,)),
        ('datasets', ('(' + 'é' * 300_000 + ')',)),
    ],
)
def test_a_rule_that_is_too_long_is_one_line(setting: str, values: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match=f'^{setting}: .*(shorter|use a preset)') as error:
        Requests(PortalRules.model_validate({setting: values}), KEY)
    assert len(str(error.value)) < 1_000


@pytest.mark.parametrize('pattern', ['^/no/group', '^/(two)/(groups)', '^/(unclosed', '^/(?=look)(x)', 'odsoft'])
def test_an_invalid_rule_is_one_line(pattern: str) -> None:
    with pytest.raises(
        SettingsError, match=r'^datasets: invalid rule .*; use a preset \(opendatasoft, socrata, ckan, udata, geonetwork, ogc\)'
    ):
        read('/', datasets=(pattern,))


@pytest.mark.parametrize(
    ('user', 'account'),
    [
        ('alice', 'alice'),
        (' alice ', 'alice'),
        ('-', ''),
        ('', ''),
        ('anonymous', ''),
        ('Anonymous', ''),
        ('anonymous2', 'anonymous2'),
    ],
)
def test_the_user_field_names_an_account(user: str, account: str) -> None:
    assert read_one('/', user=user)['user_id'] == account


def test_an_api_key_becomes_a_hash_that_does_not_reveal_it() -> None:
    [first, again, other, none] = read(
        '/a?apikey=0123456789abcdef', '/b?x=1&apikey=0123456789abcdef&y=2', '/a?apikey=fedcba9876543210', '/a?apikeys=1',
        accounts=('query:apikey',),
    )  # fmt: skip
    assert first['user_id'] == again['user_id'] == hash_api_key('0123456789abcdef', KEY)
    assert first['user_id'].startswith('key-')
    assert len(first['user_id']) == len('key-') + 10
    assert other['user_id'] not in ('', first['user_id'])
    assert none['user_id'] == ''
    assert hash_api_key('0123456789abcdef', b'another key') != first['user_id']


def test_a_file_names_api_keys(tmp_path: Path) -> None:
    file = tmp_path / 'keys.csv'
    file.write_text('key,account\nsecret-1,city-app\nsecret-2,Élise Martin\nsecret-3,city-app\nsecret-4,\n', encoding='utf-8')
    calls = read(*(f'/?apikey=secret-{number}' for number in range(1, 6)), accounts=('query:apikey',), api_keys=file)
    assert [call['user_id'] for call in calls] == [
        'city-app', 'Élise Martin', 'city-app', hash_api_key('secret-4', KEY), hash_api_key('secret-5', KEY),
    ]  # fmt: skip


def test_a_file_of_api_keys_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    """Excel begins a CSV in UTF-8 with a byte order mark."""
    file = tmp_path / 'keys.csv'
    file.write_bytes('\ufeffkey,account\r\nsecret,city-app\r\n'.encode())
    assert read_one('/?apikey=secret', accounts=('query:apikey',), api_keys=file)['user_id'] == 'city-app'


@pytest.mark.parametrize('content', [b'one,two\n1,2\n', b'key;account\n1;2\n', b'\xff\xfe', None])
def test_an_invalid_file_of_api_keys_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / 'keys.csv'
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r'keys\.csv: (cannot read the API keys|the first line is not key,account)'):
        read('/', api_keys=file)


def test_the_first_source_that_names_an_account_wins() -> None:
    paths = '/?token=t&apikey=a', '/?apikey=a', '/'
    sources = ('user', 'query:token', 'query:apikey')
    assert [call['user_id'] for call in read(*paths, user='alice', accounts=sources)] == ['alice'] * 3
    assert [call['user_id'] for call in read(*paths, accounts=sources)] == [hash_api_key('t', KEY), hash_api_key('a', KEY), '']
    assert [call['user_id'] for call in read(*paths, accounts=sources[::-1])] == [hash_api_key('a', KEY)] * 2 + ['']
    assert [call['user_id'] for call in read(*paths, user='alice', accounts=sources[1:])][-1] == ''


@pytest.mark.parametrize(
    ('paths', 'path', 'api_call'),
    [
        ((), '/anything', True),
        (('/api/*',), '/api/records?x=/static/', True),
        (('/api/*',), '/api', False),
        (('/api/*',), '/static/api/', False),
        (('/api/*',), '/x?y=/api/', False),
        (('/api',), '/api', True),
        (('/api',), '/api/', False),
        (('/a.i',), '/api', False),
        (('*.csv', '/api/*/records'), '/api/v2/x/records', True),
        (('*.csv', '/api/*/records'), '/files/a.csv?b', True),
        (('*.csv', '/api/*/records'), '/api/v2/x', False),
        (('/API/*',), '/api/x', False),
    ],
)
def test_the_paths_select_the_api_calls(paths: tuple[str, ...], path: str, api_call: bool) -> None:
    assert read_one(path, paths=paths)['skip'] == (None if api_call else Skip.PATH)


def test_a_preflight_is_no_api_call() -> None:
    assert [read_one('/api', method=method)['skip'] for method in ('OPTIONS', 'HEAD', 'POST', '')] == [
        Skip.METHOD,
        None,
        None,
        None,
    ]
    assert [request['skip'] for request in read('/', '/api', method='OPTIONS', paths=('/api',))] == [Skip.METHOD] * 2


def test_a_path_is_stored_without_its_query_string() -> None:
    assert read_one('/a/b?q=secret?more')['path'] == '/a/b'
    assert read_one('?apikey=secret')['path'] == ''


def test_long_values_are_cut() -> None:
    long = read_one('/' + 'é' * 5_000, user='u' * 5_000)
    assert long['path'] == '/' + 'é' * (LONGEST_PATH - 1)
    assert long['user_id'] == 'u' * LONGEST_NAME
    assert read_one('/dataset/' + 'd' * 5_000)['dataset_id'] == 'd' * LONGEST_NAME
    assert read_one('/api/3/action/package_show?id=' + '%C3%A9' * 5_000)['dataset_id'] == 'é' * LONGEST_NAME


PATHS = st.lists(
    st.sampled_from(list('/?&=%#+') + ['apikey=', 'id', 'dataset/', '/api/3/action/', '%ff', '%00', 'é', '\0', '\n'])
).map(''.join)


@settings(deadline=None)
@given(st.lists(st.tuples(PATHS | st.text(), st.text(max_size=5)), max_size=6))
def test_any_request_is_read_independently_of_the_others(calls: list[tuple[str, str]]) -> None:
    requests = Requests(PortalRules(accounts=('user', 'query:apikey'), datasets=('ckan', 'query:id', '^/x/(.*)')), KEY)

    def read_calls(rows: list[tuple[str, str]]) -> pl.DataFrame:
        frame = pl.DataFrame(rows, {'path': pl.String(), 'user_id': pl.String()}, orient='row')
        return requests(frame.with_columns(method=pl.lit('GET')))

    together = read_calls(calls)
    assert together.drop('skip').null_count().sum_horizontal().sum() == 0
    assert together.rows() == [row for call in calls for row in read_calls([call]).rows()]


def test_the_fields_of_a_call_take_precedence_over_the_rules() -> None:
    calls = pl.DataFrame(
        {
            'path': ['/dataset/found?apikey=secret'] * 4,
            'user_id': ['alice', '', 'Anonymous', '192.0.2.7'],
            'dataset_id': ['said', '', 'a+b%20c', 'said'],
            'method': 'GET',
        }
    )
    result = Requests(PortalRules(accounts=('query:apikey',), datasets=('ckan',)), KEY)(calls)
    assert result['dataset_id'].to_list() == ['said', 'found', 'a+b%20c', 'said']
    account = hash_api_key('secret', KEY)
    assert result['user_id'].to_list() == ['alice', account, account, account]


@pytest.mark.parametrize(
    'query',
    ['apikey=Ab+/==', 'apikey=Ab%2B%2F%3D%3D', 'apikey=Ab%2b%2f%3d%3d', 'api%6Bey=Ab%2B/==', 'rows=1&%61pikey=Ab+%2F=='],
)
def test_parameter_is_compared_decoded(query: str, tmp_path: Path) -> None:
    """RFC 3986, section 2.4: a name or value in percent-encoding is the same one."""
    keys = tmp_path / 'keys.csv'
    keys.write_text('key,account\nAb+/==,office\n')
    row = read_one(f'/x?{query}', accounts=('query:apikey',), api_keys=keys)
    assert row['user_id'] == 'office'


@pytest.mark.parametrize('query', ['$$app_token=Tok3n', '%24%24app_token=Tok3n', '$limit=5&%24$app_token=Tok3n'])
def test_dollar_in_a_name_may_be_encoded(query: str) -> None:
    row, plain = (read_one(f'/x?{text}', accounts=('query:$$app_token',)) for text in (query, '$$app_token=Tok3n'))
    assert row['user_id'] == plain['user_id'] != ''


@pytest.mark.parametrize('query', ['apikey=a+b', 'apikey=a%20b'])
def test_raw_plus_may_be_a_space(query: str, tmp_path: Path) -> None:
    keys = tmp_path / 'keys.csv'
    keys.write_text('key,account\na b,office\n')
    row = read_one(f'/x?{query}', accounts=('query:apikey',), api_keys=keys)
    assert row['user_id'] == 'office'


# actions of one's own, static files, ignored paths


def test_own_actions_come_before_the_rules() -> None:
    actions = {'download': ('/files/*', '*.csv'), 'query': ('/dataset/trees/data',)}
    paths = '/files/a.png', '/api/x.csv', '/dataset/trees/data', '/dataset/trees', '/x.csv.gz', '/maps?service=WMS'
    rows = [(call['action'], call['dataset_id']) for call in read(*paths, actions=actions)]
    assert rows == [('download', ''), ('download', ''), ('query', 'trees'), ('page', 'trees'), ('other', ''), ('map', '')]


STATIC_PATHS = (
    '/style.css', '/assets/app.3f2a.js', '/m.mjs', '/app.js.map', '/logo.png', '/a/b.JPG', '/a.jpeg', '/a.gif', '/a.svg', '/favicon.ico',
    '/a.webp', '/a.avif', '/a.bmp', '/f.woff', '/f.woff2', '/f.ttf', '/f.otf', '/f.eot', '/site.webmanifest', '/robots.txt',
)  # fmt: skip


@pytest.mark.parametrize('path', STATIC_PATHS)
def test_files_of_the_web_pages_are_skipped(path: str) -> None:
    assert [call['skip'] for call in read(path, path + '?v=3')] == [Skip.STATIC] * 2
    assert read_one(path, static_files='count')['skip'] is None
    assert read_one(path, paths=('/*',))['skip'] is None  # the setting decides alone
    assert read_one(path, actions={'download': ('*',)})['skip'] is None
    assert read_one(path, datasets=('^/(.*)$',))['skip'] is None


@pytest.mark.parametrize(
    'path',
    [
        '/', '/data.csv', '/a.json', '/report.pdf', '/page.html', '/data.tif', '/xrobots.txt', '/css', '/style.css/x',
        '/dataset/trees/resource/1b2c/download/plan.png', '/wmts/trees/3/2/1.png', '/explore/dataset/trees/files/1b/download/a.svg',
    ],
)  # fmt: skip
def test_data_is_not_a_static_file(path: str) -> None:
    assert read_one(path)['skip'] is None


def test_ignored_paths_are_skipped() -> None:
    paths = '/health?x=1', '/healthz', '/status/live', '/a.css', '/dataset/health'
    skips = [call['skip'] for call in read(*paths, ignore={'paths': ('/health', '/status/*', '*.css')})]
    assert skips == [Skip.IGNORED, None, Skip.IGNORED, Skip.IGNORED, None]


def test_a_path_that_is_no_api_call_is_skipped_for_that() -> None:
    skips = [call['skip'] for call in read('/api/health', '/x.css', paths=('/api/*',), ignore={'paths': ('*health*', '*.css')})]
    assert skips == [Skip.IGNORED, Skip.PATH]
