"""Each raw call is completed, skipped or rejected; nothing that identifies the caller is kept."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from access_logs import CRAWLER, DOMAIN, FIREFOX, IPHONE
from files import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey, visitors
from exporter.ingest.formats import Lines
from exporter.ingest.pipeline import enrich
from exporter.model.call import COLUMNS, SOURCE_COLUMNS, categorical

CITIES = DATA / 'GeoLite2-City-Test.mmdb'
KEY = b'k' * 32
CALL = {
    'timestamp': datetime(2025, 5, 17, 22, 40, 3, 123_000, UTC), 'ip': '81.2.69.160', 'forwarded': '', 'host': '', 'user_id': '', 'user_agent': FIREFOX, 'referrer': '-',
    'method': 'GET', 'path': '/dataset/trees?rows=10', 'status': 200, 'bytes': 512, 'duration_ms': 7,
}  # fmt: skip


def enriched(*calls: dict[str, Any], **portal: Any) -> Lines:
    """Enriches CALL with other fields."""
    raw = pl.DataFrame([CALL | call for call in calls], SOURCE_COLUMNS).with_row_index('line')
    return enrich(Lines(raw), Enrichment(DOMAIN, PortalRules(**portal), open_places(CITIES), VisitorKey(KEY, is_shared=True)))


def one(**call: Any) -> dict[str, Any]:
    [row] = enriched(call).calls.to_dicts()
    return row


def test_complete_call() -> None:
    [call] = enriched({'user_id': 'alice'}, timezone='Europe/Paris').calls.to_dicts()
    assert call == {
        'timestamp': CALL['timestamp'],
        'domain': DOMAIN,
        'timezone': 'Europe/Paris',
        'day': date(2025, 5, 18),
        'hour': int(datetime(2025, 5, 17, 22, tzinfo=UTC).timestamp()),
        'user_id': 'alice',
        'visitor': visitors(pl.Series(['81.2.69.160']), KEY).item(),
        'device': 'desktop',
        'client': 'browser',
        'browser': 'Firefox',
        'os': 'Linux',
        'country': 'GB',
        'city': 'London',
        'latitude': 51.51,
        'longitude': -0.09,
        'method': 'GET',
        'path': '/dataset/trees',
        'dataset_id': 'trees',
        'action': 'page',
        'file': 0,
        'audience': '',
        'left_out': 0,
        'as_number': 0,
        'network': '',
        'suspect': 0,
        'referrer_host': '',
        'status': 200,
        'failed': 0,
        'bytes': 512,
        'duration_ms': 7,
    }


def test_the_columns_are_those_of_a_call() -> None:
    expected = {column.name: categorical(column.name) if column.categorical else column.type for column in COLUMNS}
    del expected['batch_id']
    assert dict(enriched({}, {'ip': '-'}).calls.schema) == expected
    assert dict(enriched({'method': 'OPTIONS'}).calls.schema) == expected


def test_crawler_with_an_account_is_an_api_client() -> None:
    calls = enriched(
        {'user_agent': CRAWLER}, {'user_agent': CRAWLER, 'user_id': 'alice'}, {'user_agent': IPHONE, 'user_id': 'bob'}
    )
    assert calls.calls['client'].to_list() == ['crawler', 'api_client', 'browser']
    shown = enriched({'user_agent': CRAWLER, 'path': '/?apikey=secret'}, accounts=('query:apikey',))
    assert shown.calls['client'].to_list() == ['api_client']


def test_caller_without_a_login_is_anonymous() -> None:
    assert {one(user_id=user)['user_id'] for user in ('', '-', 'anonymous', ' ')} == {''}


def test_other_requests_are_skipped() -> None:
    result = enriched({'method': 'OPTIONS'}, {'path': '/static/x.css'}, {'path': '/api/x'}, paths=('/api/*',))
    assert (result.calls['path'].to_list(), len(result.rejected)) == (['/api/x'], 0)
    assert result.skipped.rows() == [(0, 'method'), (1, 'path')]


@pytest.mark.parametrize('ip', ['1.2.3', '999.1.1.1', '81.2.69.160:8080', '81.2.69.160,10.0.0.1', '<b>', 'é'])
def test_invalid_address_is_rejected(ip: str) -> None:
    result = enriched({}, {'ip': ip}, {})
    assert result.rejected.rows() == [(1, 'address')]
    assert len(result.calls) == 2


def test_other_requests_are_skipped_with_any_address() -> None:
    result = enriched({'ip': '999.1.1.1', 'method': 'OPTIONS'})
    assert (len(result.calls), len(result.skipped), len(result.rejected)) == (0, 1, 0)


def test_the_caller_behind_a_trusted_proxy_is_located() -> None:
    behind = {'ip': '10.0.0.1', 'forwarded': '198.51.100.9, 81.2.69.160, 10.0.0.2'}
    stranger = {'ip': '203.0.113.5', 'forwarded': '81.2.69.160'}
    cities = enriched(behind, {}, stranger, {'ip': '', 'forwarded': '81.2.69.160'}).calls['city'].to_list()
    assert cities == ['London', 'London', '', 'London']
    assert enriched(behind, trusted_proxies=['192.0.2.0/24']).calls['city'].to_list() == ['']
    assert enriched(stranger, trusted_proxies=['203.0.113.0/24']).calls['city'].to_list() == ['London']
    assert one(**behind)['visitor'] == one()['visitor']


def test_an_invalid_peer_is_rejected_whatever_its_header_names() -> None:
    result = enriched({'ip': '999.1.1.1', 'forwarded': '81.2.69.160'}, {'ip': '', 'forwarded': '81.2.69.160, 1.2.3'})
    assert result.rejected.rows() == [(0, 'address'), (1, 'address')]


@pytest.mark.parametrize('ip', ['10.1.2.3', '-', '', 'client.example.org', '::1'])
def test_a_call_without_a_place_is_a_call(ip: str) -> None:
    call = one(ip=ip)
    assert (call['country'], call['city'], call['latitude'], call['longitude']) == ('', '', 0.0, 0.0)


def test_an_account_that_is_an_address_is_not_stored() -> None:
    """Some nginx logs have $http_x_forwarded_for in the place of the user."""
    assert one(ip='10.0.0.1', user_id='203.0.113.9')['user_id'] == ''
    assert one(ip='10.0.0.1', user_id='2001:db8::9')['user_id'] == ''


def test_remembered_values_are_the_same() -> None:
    enrichment = Enrichment(DOMAIN, PortalRules(), open_places(CITIES), VisitorKey(KEY, is_shared=True))
    raw = pl.DataFrame([CALL | {'ip': f'81.2.69.{number}'} for number in range(142, 192)], SOURCE_COLUMNS).with_row_index('line')
    first = enrich(Lines(raw), enrichment).calls
    assert enrich(Lines(raw.reverse()), enrichment).calls.reverse().equals(first)
    assert enrich(Lines(raw[:0]), enrichment).calls.is_empty()


ODD = st.sampled_from(
    ['', '-', 'alice', '10.0.0.1', '81.2.69.160', '::1', '/api/x?apikey=k', '/dataset/é', 'OPTIONS', 'GET', CRAWLER, IPHONE]
)
TEXT = ODD | st.text(max_size=8)
CALLS = st.fixed_dictionaries(
    {
        'timestamp': st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)),
        'ip': TEXT, 'forwarded': TEXT, 'host': TEXT, 'user_id': TEXT, 'user_agent': TEXT, 'referrer': TEXT, 'method': TEXT, 'path': TEXT,
        'status': st.none() | st.integers(100, 999), 'bytes': st.integers(0, 2**64 - 1),
        'duration_ms': st.none() | st.integers(0, 2**32 - 1),
    }
)  # fmt: skip
SHARED = Enrichment(
    DOMAIN,
    PortalRules(timezone='Asia/Kathmandu', accounts=('user', 'query:apikey'), paths=('/*', '')),
    open_places(CITIES),
    VisitorKey(KEY, is_shared=True),
)


@settings(deadline=None)
@given(st.lists(CALLS, max_size=8))
def test_every_call_is_stored_skipped_or_rejected(calls: list[dict[str, Any]]) -> None:
    result = enrich(Lines(pl.DataFrame(calls, SOURCE_COLUMNS).with_row_index('line')), SHARED)
    assert len(result.calls) + len(result.skipped) + len(result.rejected) == len(calls)
    assert result.calls.drop('status', 'duration_ms').null_count().sum_horizontal().sum() == 0
    assert not ((result.calls['client'].cast(pl.String) == 'crawler') & (result.calls['user_id'].cast(pl.String) != '')).any()
    assert not result.calls['path'].str.contains('?', literal=True).any()
