"""What commands share: choosing the portal, opening the database, and warnings."""

import json
import re
from pathlib import Path

import pytest
from access_logs import DOMAIN, imported, line, run
from files import DATA

from exporter.commands.context import Context
from exporter.config import PortalRules
from exporter.errors import SchemaError, SettingsError
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect

CITIES = DATA / 'GeoLite2-City-Test.mmdb'


def test_the_portal_comes_from_the_option_else_from_the_settings(settings: pytest.MonkeyPatch) -> None:
    assert Context(None).domain(None) is None
    with pytest.raises(SettingsError, match='no portal is named'):
        Context(None).portal(None)
    settings.setenv('USAGE_DOMAIN', 'set.example.org')
    assert Context(None).portal(None) == 'set.example.org'
    assert Context(None).portal('Given.Example.ORG.') == 'given.example.org'
    with pytest.raises(SettingsError, match="--domain: invalid domain name 'a b'"):
        Context(None).portal('a b')


@pytest.mark.usefixtures('settings')
def test_settings_come_from_the_named_file(tmp_path: Path) -> None:
    file = tmp_path / 'some.toml'
    file.write_text("timezone = 'Europe/Paris'\n")
    assert Context(file).settings.timezone == 'Europe/Paris'
    assert Context(None).settings.timezone == 'UTC'


@pytest.mark.no_database
@pytest.mark.usefixtures('settings')
def test_an_empty_database_gets_its_tables(database_url: str) -> None:
    with Context(None).database() as database:
        assert schema.pending(database) == []
    again = connect(database_url)
    assert schema.applied(again)
    again.close()


@pytest.mark.usefixtures('settings')
def test_a_database_of_another_version_is_refused_with_the_remedy(database: ClickHouse) -> None:
    database.command("INSERT INTO migrations (name, digest) VALUES ('activity', 'of an earlier text')")
    for command in (['report'], ['query', 'SELECT 1'], ['events', 'list'], ['import', '-', '--domain', DOMAIN], ['demo']):
        result = run(*command)
        assert (result.exit_code, result.stderr.count('\n')) == (1, 1), command
        assert result.stderr.endswith('run usage-exporter init\n')
    assert run('init').stdout.endswith('applied activity\n')
    database.command("INSERT INTO migrations (name, digest) VALUES ('9999_later', '')")
    with pytest.raises(SchemaError, match='install a newer usage-exporter'), Context(None).database():
        pass


@pytest.mark.usefixtures('settings')
def test_init_tells_of_a_step_that_takes_long(database: ClickHouse) -> None:
    call = {'timestamp': '2026-11-02 12:00:00', 'domain': DOMAIN, 'day': '2026-11-02', 'hour': '2026-11-02 12:00:00'}
    database.insert_rows('calls', [call, call], 'one')
    database.delete('migrations', "name = '0008_unknown_values'", {})
    result = run('init')
    assert re.fullmatch(r'applying 0008_unknown_values to 2 calls: \d+% done\n', result.stderr)
    assert result.stdout.endswith('applied 0008_unknown_values\n')


def test_a_geolocation_file_that_cannot_be_used_is_a_warning(settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_GEO_DATABASE', 'none.mmdb')
    result = run('import', '-', '--domain', DOMAIN, '--format', 'json', stdin=line(1, ip='8.8.8.8').encode())
    assert result.exit_code == 0
    assert json.loads(result.stdout)['stored'] == 1
    assert result.stderr.startswith('warning: none.mmdb: cannot be read')
    assert result.stderr.endswith('; until then, places are countries only\n')
    assert database.query('SELECT country FROM calls') == [{'country': 'US'}]


def test_another_visitor_secret_is_a_warning(settings: pytest.MonkeyPatch) -> None:
    imported('-', stdin=line(1).encode())
    settings.setenv('USAGE_SECRET', 'another secret than before')
    result = run('import', '-', '--domain', DOMAIN, '--format', 'json', stdin=line(2).encode())
    assert (result.exit_code, json.loads(result.stdout)['stored']) == (0, 1)
    assert result.stderr.startswith('warning: the visitor secret differs from that of earlier calls')


def test_calls_are_enriched_by_the_rules_of_their_portal_or_those_given(settings: pytest.MonkeyPatch) -> None:
    Path('usage-exporter.toml').write_text(f"timezone = 'UTC'\n[domains.'{DOMAIN}']\ntimezone = 'Europe/Paris'\n")
    settings.setenv('USAGE_GEO_DATABASE', str(CITIES))
    context = Context(None)
    assert context.enrichment(DOMAIN).timezone == 'Europe/Paris'
    assert context.enrichment('other.example.org').timezone == 'UTC'
    assert context.enrichment(DOMAIN, PortalRules(timezone='Asia/Kathmandu')).timezone == 'Asia/Kathmandu'
