"""The steps from rows of a workspace to calls."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from access_logs import DOMAIN
from files import DATA
from workspace import encode, rows_of_hour

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.ingest import pipeline
from exporter.ingest.formats import Lines
from exporter.ingest.opendatasoft.rows import Reader, open_export
from exporter.ingest.opendatasoft.steps import STEPS

HOUR = datetime(2026, 11, 1, 10, tzinfo=UTC)
ROW = rows_of_hour(HOUR, 1)[0] | {
    'user_ip_addr': '81.2.69.160', 'user_id': 'anonymous', 'bot': False, 'geo_coordinates': {'lon': 2.351, 'lat': 48.849},
    'user_agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
}  # fmt: skip
CITIES = DATA / 'GeoLite2-City-Test.mmdb'


def lines(tmp_path: Path, *rows: dict[str, Any], **portal: Any) -> Lines:
    """ROW with other fields, after all steps."""
    path = tmp_path / 'rows.parquet'
    path.write_bytes(encode([ROW | row for row in rows], 'parquet'))
    [frame] = Reader().read(open_export(path, 'parquet', 'rows'), [int(HOUR.timestamp())])
    return pipeline.enrich(
        Lines(frame), Enrichment(DOMAIN, PortalRules(**portal), open_places(CITIES), VisitorKey(b'k' * 32, is_shared=True)), STEPS
    )


def calls(tmp_path: Path, *rows: dict[str, Any], **portal: Any) -> list[dict[str, Any]]:
    return lines(tmp_path, *rows, **portal).calls.to_dicts()


def test_accounts_and_data_sets_are_those_of_the_row(tmp_path: Path) -> None:
    found = calls(tmp_path, {'user_id': ' alice '}, {'user_id': 'anonymous'}, {'dataset_id': 'trees'}, {'dataset_id': None})
    assert [call['user_id'] for call in found] == ['alice', '', '', '']
    assert [call['dataset_id'] for call in found[2:]] == ['trees', '']


def test_own_calls_and_ignored_paths_are_skipped(tmp_path: Path) -> None:
    rows: tuple[dict[str, Any], ...] = (
        {'user_agent': 'usage-exporter-pull/1.0'},
        {'api': 'images', 'api_type': 'ods_v1', 'format': ''},
        {},
    )
    taken = lines(tmp_path, *rows, ignore={'paths': ['/ods_v1/images']})
    assert taken.skipped.to_dicts() == [{'line': 0, 'reason': 'ignored'}, {'line': 1, 'reason': 'ignored'}]
    assert len(taken.calls) == 1


def test_hidden_visitors_are_told_apart_by_what_is_there(tmp_path: Path) -> None:
    agents = {'user_agent': 'a'}, {'user_agent': 'b'}, {'user_agent': 'a'}
    found = calls(tmp_path, *({'user_ip_addr': address} | agent for address in ('', '81.2.69.xxx') for agent in agents))
    visitors = [call['visitor'] for call in found]
    assert len(set(visitors)) == 4
    assert (visitors[0], visitors[3]) == (visitors[2], visitors[5])
    whole = calls(tmp_path, *agents)
    assert len({call['visitor'] for call in whole}) == 1


def test_a_hidden_address_is_of_no_audience(tmp_path: Path) -> None:
    audiences = {'near': {'networks': ['81.2.69.0/24', '0.0.0.0/8'], 'accounts': ['alice']}}
    rows: tuple[dict[str, Any], ...] = (
        {},
        {'user_ip_addr': '81.2.69.0'},
        {'user_ip_addr': '81.2.69.xxx'},
        {'user_ip_addr': '', 'user_id': 'alice'},
    )
    found = calls(tmp_path, *rows, audiences=audiences, left_out=('near',))
    assert [(call['audience'], call['left_out']) for call in found] == [('near', 1), ('', 0), ('', 0), ('near', 1)]


def test_the_embedding_page_goes_before_the_referrer(tmp_path: Path) -> None:
    pages = {'referer': f'https://{DOMAIN}/x', 'embed_referer': 'https://www.example.net/y'}
    found = calls(tmp_path, pages, pages | {'embed_referer': ''}, pages | {'embed_referer': None, 'referer': None})
    assert [call['referrer_host'] for call in found] == ['www.example.net', '(own)', '']


def test_the_address_locates_before_the_coordinates(tmp_path: Path) -> None:
    by_address, by_row, nowhere, outside, zero = calls(
        tmp_path,
        {},
        {'user_ip_addr': ''},
        {'user_ip_addr': '', 'geo_coordinates': None},
        {'user_ip_addr': '', 'geo_coordinates': {'lon': 400.0, 'lat': 1.0}},
        {'user_ip_addr': '', 'geo_coordinates': {'lon': 0.0, 'lat': 0.0}},
    )
    assert by_address['country'] == 'GB'
    assert (by_row['country'], by_row['longitude'], by_row['latitude']) == ('ZZ', 2.35, 48.85)
    assert {call['country'] for call in (nowhere, outside, zero)} == {''}


@pytest.mark.parametrize(('user', 'client'), [('anonymous', 'crawler'), ('alice', 'browser')])
def test_a_bot_is_a_crawler_unless_it_has_an_account(tmp_path: Path, user: str, client: str) -> None:
    [call] = calls(tmp_path, {'bot': True, 'user_id': user})
    assert call['client'] == client


def test_days_are_those_of_the_portal(tmp_path: Path) -> None:
    [call] = calls(tmp_path, {'timestamp': HOUR.replace(minute=30)}, timezone='Pacific/Kiritimati')
    assert (str(call['day']), call['hour']) == ('2026-11-02', HOUR.timestamp())
    assert isinstance(lines(tmp_path, {}).calls['user_id'].dtype, pl.Categorical)
