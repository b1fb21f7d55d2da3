"""New installations hash a visitor differently on each portal; an installation of before keeps its hashes."""

import json
from pathlib import Path

import pytest
from access_logs import DOMAIN, FIREFOX, imported, line, run

from exporter.config import load
from exporter.errors import EngineError
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.visitor_key import choose

OTHER = 'open.example.net'
SECRET = 'a secret of all our hosts'


def store(number: int) -> str:
    """Imports a new call of one address on each of two portals; returns what was printed on standard error."""
    same = {'ip': '192.0.2.1', 'user': '-', 'agent': FIREFOX}
    logs = {domain: line(2 * number + index, **same).encode() for index, domain in enumerate((DOMAIN, OTHER))}
    return ''.join(run('import', '-', '--domain', domain, stdin=log).stderr for domain, log in logs.items())


def visitors(database: ClickHouse) -> dict[str, set[int]]:
    rows = database.query('SELECT domain, groupUniqArray(visitor) AS visitors FROM calls GROUP BY domain')
    return {row['domain']: set(row['visitors']) for row in rows}


def an_installation_of_before(tmp_path: Path, settings: pytest.MonkeyPatch, *, secret: bool) -> None:
    """Calls whose visitors have one hash on both portals, and the file that an earlier version made."""
    if secret:
        settings.setenv('USAGE_SECRET', SECRET)
    else:
        (tmp_path / 'data').mkdir()
        (tmp_path / 'data' / 'secret').write_text('0f' * 32 + '\n')
        (tmp_path / 'data' / 'secret').chmod(0o600)
    settings.setenv('USAGE_SHARED_VISITORS', 'true')
    store(1)
    settings.delenv('USAGE_SHARED_VISITORS')
    (tmp_path / 'data' / 'visitor-key').unlink(missing_ok=True)


@pytest.mark.parametrize('secret', [False, True])
def test_a_new_installation(settings: pytest.MonkeyPatch, database: ClickHouse, secret: bool) -> None:
    if secret:
        settings.setenv('USAGE_SECRET', SECRET)
    assert store(1) + store(2) == ''
    of = visitors(database)
    assert (len(of[DOMAIN]), len(of[OTHER])) == (1, 1)
    assert of[DOMAIN] != of[OTHER]
    total = "SELECT total_users FROM total_users(domains={}, from='2024-10-01 00:00:00', to='2024-12-01 00:00:00', crawlers=0)"
    assert database.query(total.format([])) == [{'total_users': 2}]
    assert database.query(total.format([DOMAIN])) == [{'total_users': 1}]


@pytest.mark.parametrize('secret', [False, True])
def test_an_installation_of_before_keeps_its_hashes(
    tmp_path: Path, settings: pytest.MonkeyPatch, database: ClickHouse, secret: bool
) -> None:
    an_installation_of_before(tmp_path, settings, secret=secret)
    assert store(2) + store(3) == ''
    of = visitors(database)
    assert of[DOMAIN] == of[OTHER]
    assert len(of[DOMAIN]) == 1
    check = json.loads(run('check', '--format', 'json').stdout)
    assert not [finding for finding in check if 'another key' in finding['state']]
    assert any(finding['state'].endswith('one hash of a visitor on all portals') for finding in check)


@pytest.mark.parametrize('secret', [False, True])
def test_a_switch_is_never_silent(tmp_path: Path, settings: pytest.MonkeyPatch, database: ClickHouse, secret: bool) -> None:
    an_installation_of_before(tmp_path, settings, secret=secret)
    settings.setenv('USAGE_SHARED_VISITORS', 'false')
    check = json.loads(run('check', '--format', 'json').stdout)
    assert sum('another key' in finding['state'] and finding['level'] == 'fault' for finding in check) == 2
    assert store(2).count('warning: the visitor secret differs from that of earlier calls, or shared_visitors does') == 2
    of = visitors(database)
    assert (len(of[DOMAIN] | of[OTHER]), len(of[DOMAIN] & of[OTHER])) == (3, 1)


def test_another_host_with_the_same_secret_agrees(tmp_path: Path, settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    an_installation_of_before(tmp_path, settings, secret=True)
    settings.setenv('USAGE_DATA_DIR', str(tmp_path / 'other'))
    store(2)
    assert visitors(database)[DOMAIN] == visitors(database)[OTHER]


def test_with_a_given_secret_the_last_calls_decide_and_are_remembered(
    tmp_path: Path, settings: pytest.MonkeyPatch, database_url: str
) -> None:
    an_installation_of_before(tmp_path, settings, secret=True)
    assert choose(load(), lambda: connect(database_url)).is_shared

    def unreachable() -> ClickHouse:
        raise EngineError('no ClickHouse server answers')

    with pytest.raises(EngineError, match='only its calls tell whether visitors have one hash on all portals'):
        choose(load(), unreachable)
    store(2)
    assert choose(load(), unreachable).is_shared
    settings.setenv('USAGE_SECRET', f'{SECRET}, another one')  # what is noted is of another secret
    with pytest.raises(EngineError):
        choose(load(), unreachable)
    settings.setenv('USAGE_SHARED_VISITORS', 'false')
    assert not choose(load(), unreachable).is_shared


def test_a_restored_secret_decides_without_the_rest_of_the_data_directory(
    tmp_path: Path, settings: pytest.MonkeyPatch, database: ClickHouse
) -> None:
    store(1)
    before = visitors(database)
    (tmp_path / 'restored').mkdir()
    (tmp_path / 'data' / 'secret').rename(tmp_path / 'restored' / 'secret')
    settings.setenv('USAGE_DATA_DIR', str(tmp_path / 'restored'))
    assert store(2) == ''
    assert visitors(database) == before


def test_api_keys_are_one_account_on_all_portals(settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_ACCOUNTS', 'query:apikey')
    for number, domain in enumerate((DOMAIN, OTHER)):
        imported('-', domain=domain, stdin=line(number, request='GET /api/1?apikey=3f1c9a7e5b2d HTTP/1.1').encode())
    assert database.query('SELECT uniqExact(user_id) AS users, uniqExact(domain) AS portals FROM calls') == [
        {'users': 1, 'portals': 2}
    ]
