"""Which paths are counted, and the actions of their own that the settings give them."""

import pytest
from requests_read import read, read_one

from exporter.model.reject import Skip


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
