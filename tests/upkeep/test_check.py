"""`check`: finds every fault of a set-up and names a remedy; a new set-up has no fault."""

import fcntl
import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from access_logs import CRAWLER, DOMAIN, imported, line, log, run
from files import DATA
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from exporter.catalogue import storage
from exporter.catalogue.storage import Update
from exporter.enrich.caller_sample import REMEDY
from exporter.model.batch import Batch
from exporter.model.counting_rules import VERSION
from exporter.model.tally import Tally
from exporter.store.clickhouse import ClickHouse, connect
from exporter.store.ledger import Ledger
from exporter.store.rollups import repair

pytestmark = pytest.mark.usefixtures('settings')

CITIES = DATA / 'GeoLite2-City-Test.mmdb'  # of February 2026
HOLD = """
import sys
from exporter.store.clickhouse import connect
database = connect(sys.argv[1])
print('held', flush=True)
sys.stdin.read()
"""


class CheckResult(NamedTuple):
    """The findings and the exit code of `check`."""

    exit_code: int
    findings: list[dict[str, str]]

    @property
    def faults(self) -> list[tuple[str, str, str]]:
        return [(finding['part'], finding['state'], finding['mend']) for finding in self.findings if finding['level'] == 'fault']


def check() -> CheckResult:
    result = run('check', '--format', 'json')
    return CheckResult(result.exit_code, json.loads(result.stdout))


def the_fault() -> tuple[str, str, str]:
    """The part, state and remedy of the only fault."""
    result = check()
    assert result.exit_code == 1
    assert len(result.faults) == 1, result.faults
    return result.faults[0]


def a_file(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory of a set-up; nothing is in it."""
    (tmp_path / 'data').mkdir(exist_ok=True)
    return tmp_path / 'data'


@pytest.fixture
def portal(settings: pytest.MonkeyPatch, database: ClickHouse) -> ClickHouse:  # the settings apply to it
    """A set-up with an imported log and a retention."""
    settings.setenv('USAGE_KEEP_CALLS_DAYS', '100000')
    imported('-', stdin=log(range(20)))
    return database


@pytest.mark.usefixtures('portal')
def test_calls_that_are_kept_without_limit_are_noted(settings: pytest.MonkeyPatch) -> None:
    settings.delenv('USAGE_KEEP_CALLS_DAYS')
    result = check()
    assert result.exit_code == 0
    [note] = [finding for finding in result.findings if finding['level'] == 'note']
    assert (note['part'], note['state']) == ('retention', 'calls are kept without limit')
    assert 'docs/privacy.md' in note['mend']


@pytest.mark.usefixtures('portal')
def test_the_folder_of_archives(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setenv('USAGE_ARCHIVE_DIR', str(tmp_path / 'published'))
    states = {finding['part']: finding['state'] for finding in check().findings}
    assert states['archives'] == f'{tmp_path}/published: will be created'
    a_file(tmp_path / 'published', '')
    part, state, _ = the_fault()
    assert (part, state) == ('archives', f'{tmp_path}/published: not a directory that you may write')


@pytest.mark.usefixtures('portal')
def test_a_working_set_up_has_no_fault() -> None:
    result = check()
    assert result.exit_code == 0
    assert {finding['level'] for finding in result.findings} == {'ok'}
    assert all(finding['mend'] == '' for finding in result.findings)
    assert result.findings[-1] == {'level': 'ok', 'part': DOMAIN, 'state': 'all seven indicators have data', 'mend': ''}


@pytest.mark.no_database
def test_a_new_set_up_has_a_next_step_and_is_not_changed(tmp_path: Path) -> None:
    result = check()
    assert result.exit_code == 0
    notes = {finding['part']: finding['mend'] for finding in result.findings if finding['level'] == 'note'}
    assert list(notes) == ['engine']
    assert 'usage-exporter init' in notes['engine']
    assert not (tmp_path / 'data').exists()
    connect(os.environ['USAGE_CLICKHOUSE_URL']).close()
    notes = {finding['part']: finding['mend'] for finding in check().findings if finding['level'] == 'note'}
    assert list(notes) == ['schema']
    assert 'usage-exporter init' in notes['schema']
    assert run('init').exit_code == 0
    notes = {finding['part']: finding['mend'] for finding in check().findings if finding['level'] == 'note'}
    assert list(notes) == ['calls']
    assert 'usage-exporter import' in notes['calls']


def test_a_missing_embedded_database_is_not_created(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.delenv('USAGE_CLICKHOUSE_URL')
    result = check()
    assert result.exit_code == 0
    assert result.findings[-1]['part'] == 'engine'
    assert 'import a log, to create it' in result.findings[-1]['mend']
    assert not (tmp_path / 'data').exists()


def test_a_data_directory_that_is_a_file(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setenv('USAGE_DATA_DIR', str(a_file(tmp_path / 'file', '') / 'data'))
    part, state, remedy = the_fault()
    assert (part, state, remedy) == ('data directory', f'{tmp_path}/file: not a directory', 'set another USAGE_DATA_DIR')


@pytest.mark.skipif(os.getuid() == 0, reason='needs a user other than root, who may write everywhere')
def test_a_data_directory_that_is_not_writable(data: Path) -> None:
    data.chmod(0o500)
    part, state, remedy = the_fault()
    assert (part, state) == ('data directory', f'{data}: not writable')
    assert remedy == f'chmod u+rwx {data}, or set another USAGE_DATA_DIR'


@pytest.mark.parametrize(
    ('content', 'mode', 'message'),
    [('f' * 64, 0o644, 'other users can access the key'), ('no key', 0o600, 'invalid key')],
)
def test_an_invalid_key(data: Path, content: str, mode: int, message: str) -> None:
    a_file(data / 'secret', content, mode)
    part, state, remedy = the_fault()
    assert part == 'visitor key'
    assert message in state
    assert remedy


def test_a_secret_that_is_too_short(settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_SECRET', 'short')
    assert the_fault() == ('visitor key', 'USAGE_SECRET: shorter than 16 characters', 'create one with openssl rand -hex 32')


@pytest.mark.usefixtures('portal')
@pytest.mark.parametrize('lost', [True, False])
def test_another_key_than_that_of_the_stored_calls(data: Path, lost: bool) -> None:
    if lost:
        (data / 'secret').unlink()
    else:
        a_file(data / 'secret', 'f' * 64)
    part, state, remedy = the_fault()
    assert part == DOMAIN
    assert state.endswith('is missing' if lost else 'with another key')
    assert f'restore {data}/secret or USAGE_SECRET' in remedy
    assert (data / 'secret').exists() == (not lost)


def test_missing_damaged_and_useless_geolocation_data(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for file, message in (
        (tmp_path / 'none.mmdb', 'cannot be read'),
        (a_file(tmp_path / 'cut.mmdb', CITIES.read_bytes()[:5_000]), 'not an MMDB database, or damaged'),
        (mmdb(tmp_path / 'asn.mmdb', 'GeoLite2-ASN', {'autonomous_system_number': 64_496}), 'contains no countries'),
    ):
        settings.setenv('USAGE_GEO_DATABASE', str(file))
        part, state, remedy = the_fault()
        assert part == 'geolocation'
        assert state.startswith(str(file))
        assert message in state
        assert remedy


def test_old_geolocation_data(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setenv('USAGE_GEO_DATABASE', str(CITIES))
    part, state, remedy = the_fault()
    assert (part, state) == ('geolocation', f'{CITIES}: GeoLite2-City of 2026-02-04, older than 90 days')
    assert remedy == 'fetch a newer file'
    settings.setenv('USAGE_GEO_DATABASE', str(mmdb(tmp_path / 'new.mmdb', 'GeoLite2-City', {'country': {'iso_code': 'FR'}})))
    assert check().exit_code == 0


def test_networks_and_audiences(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setenv('USAGE_AUDIENCES', '{"state": {"as_numbers": [64496]}}')
    assert the_fault() == (
        'networks',
        'audiences.state.as_numbers has no effect without geo_asn_database',
        'set USAGE_GEO_ASN_DATABASE to an MMDB file',
    )
    settings.setenv('USAGE_GEO_ASN_DATABASE', str(CITIES))
    part, state, remedy = the_fault()
    assert (part, state) == ('networks', f'{CITIES}: GeoLite2-City contains no AS numbers')
    assert remedy
    networks = mmdb(tmp_path / 'asn.mmdb', 'GeoLite2-ASN', {'autonomous_system_number': 64_496})
    settings.setenv('USAGE_GEO_ASN_DATABASE', str(networks))
    result = check()
    assert result.exit_code == 0
    [audiences] = [finding['state'] for finding in result.findings if finding['part'] == 'audiences']
    assert audiences == "state: calls stored before their definition stay the public's"


def mmdb(file: Path, kind: str, record: dict[str, object]) -> Path:
    """An MMDB file built today."""
    writer = MMDBWriter(4, kind)
    writer.insert_network(IPSet(['8.8.8.0/24']), record)
    writer.to_db_file(str(file))
    return file


def test_invalid_rules_name_their_portal() -> None:
    a_file(Path('usage-exporter.toml'), f'[domains."{DOMAIN}"]\ndatasets = ["(broken"]\n[domains."b.org"]\napi_keys = "no.csv"\n')
    result = check()
    assert result.exit_code == 1
    (first_part, first_state, first_remedy), (second_part, second_state, second_remedy) = result.faults
    assert (first_part, second_part) == (f'rules of {DOMAIN}', 'rules of b.org')
    assert "invalid rule '(broken'" in first_state
    assert 'no.csv: cannot read the API keys' in second_state
    assert first_remedy
    assert second_remedy


def test_an_engine_that_does_not_answer(settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_CLICKHOUSE_URL', 'http://someone:a-password@127.0.0.1:9/usage')
    part, state, remedy = the_fault()
    assert (part, state) == ('engine', 'http://127.0.0.1:9/usage: no ClickHouse server answers')
    assert remedy == 'start it or correct USAGE_CLICKHOUSE_URL'
    assert 'a-password' not in run('check').output


def test_an_embedded_database_locked_by_another_process(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = f'chdb://{tmp_path}/held'
    settings.setenv('USAGE_CLICKHOUSE_URL', url)
    with subprocess.Popen([sys.executable, '-c', HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b'held\n'
        part, state, remedy = the_fault()
        holder.communicate()
    assert (part, state) == ('engine', f'{tmp_path}/held: another process holds this embedded database')
    assert remedy == 'wait until it ends, or use a ClickHouse server for both'


def test_an_older_and_a_newer_schema(database: ClickHouse) -> None:
    database.command("INSERT INTO migrations (name, digest) VALUES ('summary', 'of an earlier text')")
    assert the_fault() == ('schema', '1 changes are not applied, the first is summary', 'run usage-exporter init')
    assert run('init').exit_code == 0
    assert check().exit_code == 0
    database.command("INSERT INTO migrations (name, digest) VALUES ('9999_later', '')")
    part, state, remedy = the_fault()
    assert part == 'schema'
    assert '9999_later' in state
    assert remedy == 'install a newer usage-exporter'


def test_an_interrupted_import(portal: ClickHouse) -> None:
    ledger = Ledger(portal)
    ledger.begin(Batch(DOMAIN, 'access_log', 'log', 0, 9, 'now.log'))  # in progress
    assert check().exit_code == 0
    long_ago = f'{datetime.now(UTC) - timedelta(hours=1):%F %T}'
    for state, batch, name in (
        ('begun', 'x', 'cut.log'),
        ('begun', 'y', 'cut.log'),
        ('begun', 'z', 'fine.log'),
        ('done', 'z', ''),
    ):
        row = {'batch_id': batch, 'state': state, 'at': long_ago, 'domain': DOMAIN, 'origin': name}
        portal.insert_rows('batches', [row], token=f'{batch} {state}')
    assert the_fault() == (DOMAIN, 'an import of cut.log was interrupted', 'run the import again to finish it')


@pytest.mark.usefixtures('portal')
def test_another_time_zone_than_that_of_the_stored_calls(settings: pytest.MonkeyPatch) -> None:
    settings.setenv('USAGE_DOMAIN', DOMAIN)
    settings.setenv('USAGE_TIMEZONE', 'Europe/Paris')
    part, state, remedy = the_fault()
    assert (part, state) == (DOMAIN, 'the stored days are in time zone UTC, the settings say Europe/Paris')
    assert remedy.startswith('set its timezone to UTC')


def test_indicators_without_data() -> None:
    imported('-', domain='private.example.org', stdin=line(1, ip='10.0.0.1').encode())
    imported('-', domain='crawled.example.org', stdin=line(1, user='-', agent=CRAWLER, ip='8.8.8.8').encode())
    result = check()
    assert result.exit_code == 1
    crawled, private = result.faults
    assert crawled[:2] == (
        'crawled.example.org',
        'no data for: activity, total users, calls per user, anonymous users, mobile users, top users, map',
    )
    assert 'crawlers' in crawled[2]
    assert private[:2] == ('private.example.org', 'no data for: map')
    assert "not the proxy's" in private[2]


@pytest.mark.usefixtures('portal')
def test_the_table_prints_the_same_findings(data: Path) -> None:
    (data / 'secret').unlink()
    result = run('check')
    assert result.exit_code == 1
    text = ' '.join(result.stdout.split())
    for finding in check().findings:
        assert f'{finding["level"]} {finding["part"]} {finding["state"]}' in text
        assert f'→ {finding["mend"]}' in text or not finding['mend']


@pytest.mark.usefixtures('portal')
def test_an_interrupted_forget_is_a_fault(database: ClickHouse) -> None:
    database.command("ALTER TABLE calls DELETE WHERE user_id = '' SETTINGS mutations_sync = 1")
    part, state, remedy = the_fault()
    assert (part, 'the sums by day or month differ from the calls' in state, 'run the interrupted forget again' in remedy) == (
        DOMAIN,
        True,
        True,
    )
    repair(database, DOMAIN)
    assert check().faults == []


def test_few_visitors_with_nearly_all_calls_are_noted() -> None:
    imported('-', stdin=log(range(1_000), ip='81.2.69.160', time='20/Nov/2026:08:30:00 +0000'))
    imported('-', stdin=log(range(2_000), time='01/Nov/2026:08:30:00 +0000'))  # too old to count
    noted = [finding for finding in check().findings if finding['mend'] == REMEDY]
    state = 'nearly all calls of the last 7 days come from at most 3 visitors'
    assert [(finding['level'], finding['state'], finding['mend']) for finding in noted] == [('note', state, REMEDY)]
    imported('-', stdin=log(range(100), time='20/Nov/2026:08:30:00 +0000'))
    assert not [finding for finding in check().findings if finding['mend'] == REMEDY]


def of_followed_logs(settings: pytest.MonkeyPatch, *follow: dict[str, str]) -> list[tuple[str, str]]:
    """The level and the state of what `check` finds about the logs of these entries."""
    settings.setenv('USAGE_FOLLOW', json.dumps([{'domain': DOMAIN} | entry for entry in follow]))
    return [(finding['level'], finding['state']) for finding in check().findings if finding['part'] == 'followed logs']


def test_the_format_of_each_followed_log_is_named(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    combined, iis = tmp_path / 'access.log', tmp_path / 'u_ex.log'
    guessed = json.dumps({'time': '2026-11-01T08:30:00+01:00', 'remote_addr': '192.0.2.7', 'request': 'GET / HTTP/1.1'})
    combined.write_bytes(log(range(3)))
    iis.write_text('#Fields: date time c-ip cs-method cs-uri-stem\n2026-11-01 07:30:00 192.0.2.7 GET /\n')
    (tmp_path / 'docker.log').write_text(json.dumps({'log': f'{guessed}\n', 'stream': 'stdout', 'time': ''}) + '\n')
    (tmp_path / 'packed.log.gz').write_bytes(gzip.compress(log(range(3))))
    (tmp_path / 'changed.log').write_bytes(log(range(3_000)) + f'{guessed}\n'.encode() * 2_000)
    (tmp_path / 'empty.log').touch()
    with combined.open('rb') as file:  # a running serve holds its logs locked
        fcntl.flock(file, fcntl.LOCK_EX)
        findings = of_followed_logs(settings, *({'path': str(path)} for path in sorted(tmp_path.glob('*.log*'))))
    assert [(level, state) for level, state in findings if 'to read' not in state] == [
        ('ok', f'{tmp_path}/access.log: read as combined'),
        ('ok', f'{tmp_path}/changed.log: read as json'),
        ('ok', f'{tmp_path}/docker.log: read as json in docker-json'),
        ('ok', f'{tmp_path}/empty.log: no whole line yet'),
        ('ok', f'{tmp_path}/packed.log.gz: read as combined'),
        ('ok', f'{tmp_path}/u_ex.log: read as #Fields: date time c-ip cs-method cs-uri-stem'),
    ]


def test_the_logs_of_a_pattern_are_named_by_their_format(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for number in range(4):
        (path := tmp_path / f'{number}.log').write_bytes(log(range(3)))
        os.utime(path, (number, number))
    findings = of_followed_logs(settings, {'path': str(tmp_path / '*.log'), 'log_format': 'common'})
    assert findings[-1] == ('ok', f'{tmp_path}/3.log and 3 more: read as common')


@pytest.mark.parametrize(
    ('content', 'log_format', 'message'),
    [
        (b'192.0.2.7 - - no time\n', 'auto', 'no line is in a known format; the nearest format is common: line 1 has no time'),
        (b'INFO:     192.0.2.7:51000 - "GET / HTTP/1.1" 200 OK\n', 'auto', 'this is a log of uvicorn: its lines do not have the time'),
        (log(range(3)), 'squid', "no line is in the format 'squid'"),
        (b'\x89PNG\r\n\x1a\n\0\0', 'auto', 'this is not text'),
        (gzip.compress(log(range(3)))[:-20], 'auto', 'cannot read the log (Compressed file ended before the end-of-stream marker was reached)'),
    ],
)  # fmt: skip
def test_a_followed_log_in_no_format(
    settings: pytest.MonkeyPatch, tmp_path: Path, content: bytes, log_format: str, message: str
) -> None:
    path = a_file(tmp_path / 'access.log', content)
    findings = of_followed_logs(settings, {'path': str(path), 'log_format': log_format})
    assert findings[-1] == ('fault', f'{path}: {message}')


def test_calls_of_different_counting_rules_are_noted(portal: ClickHouse) -> None:
    earlier = Ledger(portal, rules=VERSION - 1)
    batch, moment = Batch(DOMAIN, 'access_log', 'earlier', 0, 9), datetime(2024, 10, 30, 23, tzinfo=UTC)
    earlier.begin(batch)
    earlier.done(batch, Tally(1), moment, moment)
    result = check()
    assert result.exit_code == 0
    [note] = [finding for finding in result.findings if finding['level'] == 'note']
    assert note == {
        'level': 'note',
        'part': DOMAIN,
        'state': f'the calls were counted by different rules: version {VERSION - 1} from 2024-10-30 to 2024-10-30, '
        f'version {VERSION} from 2024-10-30 to 2024-10-31',
        'mend': 'see Counting rules in docs/upgrading.md, to count old logs again',
    }
    Ledger(portal).forget([batch])
    assert {finding['level'] for finding in check().findings} == {'ok'}


def test_the_catalogue_is_named_if_it_is_missing_failed_or_old(
    portal: ClickHouse, settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    part, remedy = f'catalogue of {DOMAIN}', 'run usage-exporter catalogue update'
    file = tmp_path / 'sets.csv'
    file.write_text('id\ntrees\n')
    settings.setenv('USAGE_CATALOGUE', str(file))
    settings.setenv('USAGE_DOMAIN', DOMAIN)

    def finding() -> dict[str, str]:
        return next(finding for finding in check().findings if finding['part'] == part)

    assert finding() == {'level': 'note', 'part': part, 'state': 'none yet', 'mend': remedy}
    run('catalogue', 'update')
    assert (finding()['level'], finding()['state'][:12]) == ('ok', '1 data sets ')
    file.unlink()
    run('catalogue', 'update')
    assert finding()['level'] == 'fault'
    assert finding()['state'].endswith(f'the last update failed: {file}: no such file')
    portal.command('TRUNCATE TABLE catalogue_updates')
    storage.record(portal, Update(DOMAIN, datetime.now(UTC) - timedelta(4), 5, 'sets.csv', 1, 1))
    assert finding()['state'].endswith('older than 3 days')
