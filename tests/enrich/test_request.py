"""The data set, action, account and path of a request, by the rules of the portal."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_read import KEY, READ, read, read_one

from exporter.config import PortalRules
from exporter.enrich.accounts import hash_api_key
from exporter.enrich.paths import LONGEST_PATH
from exporter.enrich.request import Requests
from exporter.errors import SettingsError
from exporter.model.call import LONGEST_NAME


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
        return requests(frame.with_columns(method=pl.lit('GET'), status=pl.lit(200, pl.UInt16)))

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
            'status': pl.Series([200] * 4, dtype=pl.UInt16),
        }
    )
    result = Requests(PortalRules(accounts=('query:apikey',), datasets=('ckan',)), KEY)(calls)
    assert result['dataset_id'].to_list() == ['said', 'found', 'a+b%20c', 'said']
    account = hash_api_key('secret', KEY)
    assert result['user_id'].to_list() == ['alice', account, account, account]
