"""Settings: the environment overrides the file, errors are one line, and secrets are not shown."""

import json
import os
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from exporter.cli import main
from exporter.config import PortalRules, Settings, load
from exporter.errors import SettingsError
from exporter.store.clickhouse import ClickHouse
from exporter.store.url import address

PASSWORD, SECRET = 'pass-word-7', 'secret-of-all-hosts'
DEFAULT_DATASETS = ('opendatasoft', 'socrata', 'ckan', 'udata', 'geonetwork', 'ogc')


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No setting is set, and the current directory is an empty one."""
    for name in [name for name in os.environ if name.upper().startswith('USAGE_')]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def file(text: str, name: str = 'usage-exporter.toml') -> Path:
    path = Path(name)
    path.write_text(text, encoding='utf-8')
    return path


def error_of(path: Path | None = None) -> str:
    """The error, of one line, for invalid settings; the program ends with exit code 2."""
    with pytest.raises(SettingsError) as error:
        load(path)
    ended = CliRunner().invoke(main, [*(['--config', str(path)] if path else []), 'report'])
    assert (ended.exit_code, ended.stdout, ended.stderr) == (2, '', f'error: {error.value}\n')
    assert '\n' not in str(error.value)
    return str(error.value)


# where a value comes from


def test_without_any_setting_everything_has_a_value(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv('XDG_DATA_HOME', str(tmp_path))
    settings = load()
    assert settings.portal('data.example.org') == PortalRules(
        timezone='UTC', paths=(), accounts=('user',), api_keys=None, datasets=DEFAULT_DATASETS
    )
    assert (settings.domain, settings.geo_database, settings.secret, settings.domains) == (None, None, None, {})
    assert settings.data_dir == tmp_path / 'usage-exporter'
    assert settings.database_url == f'chdb://{tmp_path}/usage-exporter/clickhouse'


def test_the_environment_overrides_the_file_and_the_file_the_defaults(environment: pytest.MonkeyPatch) -> None:
    file('timezone = "Europe/Paris"\ndomain = "data.example.org"\npaths = ["/file"]')
    environment.setenv('USAGE_TIMEZONE', 'Asia/Kathmandu')
    environment.setenv('USAGE_PATHS', '/environment')
    settings = load()
    assert (settings.timezone, settings.paths) == ('Asia/Kathmandu', ('/environment',))
    assert settings.domain == 'data.example.org'
    assert settings.datasets == DEFAULT_DATASETS


def test_the_file_is_that_of_the_option_the_variable_or_the_current_directory(environment: pytest.MonkeyPatch) -> None:
    assert load().domain is None
    file('domain = "here.example"')
    assert load().domain == 'here.example'
    environment.setenv('USAGE_CONFIG', str(file('domain = "variable.example"', 'variable.toml')))
    assert load().domain == 'variable.example'
    assert load(file('domain = "option.example"', 'option.toml')).domain == 'option.example'
    environment.setenv('USAGE_CONFIG', '')
    assert load().domain == 'here.example'


@pytest.mark.parametrize('setting', Settings.model_fields)
def test_an_empty_value_means_not_set(environment: pytest.MonkeyPatch, setting: str) -> None:
    default = load()
    environment.setenv(f'USAGE_{setting.upper()}', '')
    assert load() == default
    file(f'{setting} = ""')
    assert load() == default


def test_lists_are_written_with_commas_or_as_lists(environment: pytest.MonkeyPatch) -> None:
    environment.setenv('USAGE_PATHS', ' /api/* , ,/explore/*,')
    environment.setenv('USAGE_ACCOUNTS', 'query:apikey,user')
    environment.setenv('USAGE_DATASETS', 'ckan')
    settings = load()
    assert settings.paths == ('/api/*', '/explore/*')
    assert settings.accounts == ('query:apikey', 'user')
    assert settings.datasets == ('ckan',)
    environment.setenv('USAGE_TRUSTED_PROXIES', 'private, 192.0.2.0/24,@cdn.txt')
    assert load().trusted_proxies == ('private', '192.0.2.0/24', '@cdn.txt')
    environment.delenv('USAGE_PATHS')
    file('paths = ["/a,b", "/c"]')
    assert load().paths == ('/a,b', '/c')


def test_a_file_may_come_from_windows() -> None:
    Path('usage-exporter.toml').write_bytes(b'\xef\xbb\xbfdomain = "data.example.org"\r\ntimezone = "UTC"\r\n')
    assert load().domain == 'data.example.org'


def test_a_header_is_kept_in_lower_case(environment: pytest.MonkeyPatch) -> None:
    environment.setenv('USAGE_FORWARDED_HEADER', 'CF-Connecting-IP')
    assert load().portal('data.example.org').forwarded_header == 'cf-connecting-ip'


# one portal's own rules

TWO_PORTALS = """
timezone = "Europe/Paris"
paths = ["/api/*"]
[domains."Data.Example.org"]
timezone = "Asia/Kathmandu"
api_keys = "keys.csv"
[domains."open.example.net"]
paths = []
accounts = "query:apikey,user"
"""


def test_the_rules_of_a_portal_override_the_defaults(environment: pytest.MonkeyPatch) -> None:
    file(TWO_PORTALS)
    common = PortalRules(timezone='Europe/Paris', paths=('/api/*',))
    assert load().portal('data.example.org') == common.model_copy(
        update={'timezone': 'Asia/Kathmandu', 'api_keys': Path('keys.csv')}
    )
    assert load().portal('open.example.net') == common.model_copy(update={'paths': (), 'accounts': ('query:apikey', 'user')})
    assert load().portal('else.example') == common
    environment.setenv('USAGE_TIMEZONE', 'America/New_York')  # for those that have none of their own
    zones = [load().portal(domain).timezone for domain in ('data.example.org', 'open.example.net', 'else.example')]
    assert zones == ['Asia/Kathmandu', 'America/New_York', 'America/New_York']


def test_portals_rules_can_stand_in_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv('USAGE_DOMAINS', json.dumps({'data.example.org': {'timezone': 'Asia/Kathmandu', 'paths': ['/x']}}))
    assert load().portal('data.example.org') == PortalRules(timezone='Asia/Kathmandu', paths=('/x',))


# what is refused


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('USAGE_TIMEZON', 'USAGE_TIMEZON is an unknown setting; did you mean USAGE_TIMEZONE?'),
        ('USAGE_CLICKHOUSE_URI', 'USAGE_CLICKHOUSE_URI is an unknown setting; did you mean USAGE_CLICKHOUSE_URL?'),
        ('USAGE_QQQ', 'USAGE_QQQ is an unknown setting; docs/settings.md lists the settings'),
        ('USAGE_', 'USAGE_ is an unknown setting; docs/settings.md lists the settings'),
    ],
)
@pytest.mark.parametrize('value', ['', f'http://me:{PASSWORD}@ch'])
def test_an_unknown_variable_is_named_with_the_nearest(
    environment: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    environment.setenv(name, value)
    assert error_of() == message


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('timezon = "UTC"', 'timezon is an unknown setting; did you mean timezone?'),
        ('qqq = 1', 'qqq is an unknown setting; docs/settings.md lists the settings'),
        ('USAGE_DOMAIN = "data.example.org"', 'USAGE_DOMAIN is an unknown setting; docs/settings.md lists the settings'),
        ('_env_prefix = "OTHER_"', '_env_prefix is an unknown setting; docs/settings.md lists the settings'),
        ('[smtp]\nport = 1', 'smtp is an unknown setting; docs/settings.md lists the settings'),
        (
            '[domains."data.example.org"]\ntimezon = "UTC"',
            'domains."data.example.org".timezon is an unknown setting; did you mean domains."data.example.org".timezone?',
        ),
        (
            '[domains.intranet]\npath = ["/x"]',
            'domains.intranet.path is an unknown setting; did you mean domains.intranet.paths?',
        ),
        (
            '[domains."data.example.org"]\nclickhouse_url = "x"',
            'domains."data.example.org".clickhouse_url is an unknown setting; docs/settings.md lists the settings',
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(text: str, message: str) -> None:
    assert error_of(file(text)) == f'usage-exporter.toml: {message}'


@pytest.mark.parametrize(
    'zone', ['Paris', 'europe/paris', 'Europe', '+01:00', '../etc/passwd', '/etc/localtime', 'localtime', 'right/Europe/Paris']
)
def test_a_wrong_time_zone_is_refused(environment: pytest.MonkeyPatch, zone: str) -> None:
    message = f'invalid time zone {zone!r}; write it as Europe/Paris'
    assert error_of(file(f'timezone = "{zone}"')) == f'usage-exporter.toml: timezone: {message}'
    assert (
        error_of(file(f'[domains."a.example"]\ntimezone = "{zone}"'))
        == f'usage-exporter.toml: domains."a.example".timezone: {message}'
    )
    Path('usage-exporter.toml').unlink()
    environment.setenv('USAGE_TIMEZONE', zone)
    assert error_of() == f'USAGE_TIMEZONE: {message}'


@pytest.mark.parametrize(
    'name', ['a b', 'https://data.example.org', 'data.example.org/api', 'data..org', '-a.org', "o'x.org", 'é.org', 'x' * 64]
)
def test_a_wrong_domain_name_is_refused(environment: pytest.MonkeyPatch, name: str) -> None:
    message = f'invalid domain name {name!r}; write the portal as data.example.org'
    assert error_of(file(f'domain = "{name}"')) == f'usage-exporter.toml: domain: {message}'
    assert error_of(file(f'[domains."{name}"]\ntimezone = "UTC"')).endswith(f': {message}')
    Path('usage-exporter.toml').unlink()
    environment.setenv('USAGE_DOMAIN', name)
    assert error_of() == f'USAGE_DOMAIN: {message}'


@pytest.mark.parametrize(
    ('given', 'name'),
    [('Data.Example.ORG.', 'data.example.org'), ('localhost', 'localhost'), ('a_b.x-1.example', 'a_b.x-1.example')],
)
def test_a_domain_name_is_kept_in_lower_case(environment: pytest.MonkeyPatch, given: str, name: str) -> None:
    environment.setenv('USAGE_DOMAIN', given)
    assert load().domain == name


@pytest.mark.parametrize(
    ('setting', 'value', 'message'),
    [
        *(
            (
                'accounts',
                f'user,{source}',
                f"invalid source of accounts {source!r}; write user (the log's user field), query:apikey or field:X-Api-Key "
                '(a logged header or cookie)',
            )
            for source in ('header:x', 'field:', 'field:a"b', 'field:a b')
        ),
        *(
            ('accounts', name, f'{name} names all cookies at once; log one of them, and name it as in field:cookie_session')
            for name in (
                'field:Cookie',
                'field:http_cookie',
                'field:sent_http_set_cookie',
                'field:cs(Cookie)',
                'field:%{Cookie}i',
            )
        ),
        ('forwarded_header', 'X-Forwarded-For:', "invalid header name 'X-Forwarded-For:'; write it as x-forwarded-for"),
        ('domains', '{', 'invalid JSON; correct it, or write these tables in the TOML file'),
        ('follow', '[' * 100_000, 'invalid JSON; correct it, or write these tables in the TOML file'),
        ('domains', '3', 'Input should be a valid dictionary'),
        ('memory', 'LOW', "Input should be 'normal' or 'low'"),
    ],
)
def test_a_wrong_value_is_named_by_the_variable_or_the_key(
    environment: pytest.MonkeyPatch, setting: str, value: str, message: str
) -> None:
    assert error_of(file(f"{setting} = '{value}'")) == f'usage-exporter.toml: {setting}: {message}'
    Path('usage-exporter.toml').unlink()
    environment.setenv(f'USAGE_{setting.upper()}', value)
    assert error_of() == f'USAGE_{setting.upper()}: {message}'


HOSTS = '[domains."open.example.net"]\nhosts = ["open.example.net"]\n'
FOLLOW = '[[follow]]\npath = "/var/log/access.log"\n'


def test_a_followed_log_without_a_domain_has_a_default(environment: pytest.MonkeyPatch) -> None:
    file(HOSTS + FOLLOW)
    assert [each.domain for each in load().follow] == ['']
    file('domain = "data.example.org"\n' + FOLLOW)
    assert [each.domain for each in load().follow] == ['data.example.org']
    text = file(FOLLOW)
    no_portal = 'a log has no portal; add domain, or set hosts in the tables of the portals'
    assert error_of(text) == f'usage-exporter.toml: follow: {no_portal}'
    text = file(FOLLOW + 'domain = "no domain"\n')
    assert error_of(text).startswith("usage-exporter.toml: follow.domain: invalid domain name 'no domain'")


def test_the_rules_of_a_log_of_several_portals_are_those_that_all_have(environment: pytest.MonkeyPatch) -> None:
    table = '[domains."{0}"]\nhosts = ["{0}"]\nlog_format = "vhost_combined"\nlog_timezone = "{1}"\n'
    file(f'log_timezone = "Asia/Tokyo"\n{table.format("a.example", "Europe/Paris")}{table.format("b.example", "UTC")}')
    rules = load().portal('')
    assert (rules.log_format, rules.log_timezone) == ('vhost_combined', 'Asia/Tokyo')


@pytest.mark.parametrize('text', ['domain = "a', 'domain', 'a = 1\na = 2', f'clickhouse_url = http://me:{PASSWORD}@ch'])
def test_a_broken_file_is_named_with_the_place(text: str) -> None:
    message = error_of(file(text, 'broken.toml'))
    assert message.startswith('broken.toml: invalid TOML (')
    assert ' (at ' in message
    assert PASSWORD not in message


@pytest.mark.parametrize('value', ['[' * 5_000, '9' * 5_000], ids=['arrays in arrays', 'thousands of digits'])
def test_values_that_overflow_the_toml_parser_are_refused(value: str) -> None:
    assert error_of(file(f'spool_bytes = {value}', 'broken.toml')).startswith('broken.toml: invalid TOML (')


def test_a_file_that_is_not_utf8_is_refused() -> None:
    Path('latin.toml').write_bytes('domain = "é"'.encode('latin-1'))
    assert error_of(Path('latin.toml')).startswith('latin.toml: invalid TOML (')


def test_a_named_file_that_cannot_be_read_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / 'gone.toml'
    message = f'{gone}: cannot read the settings (No such file or directory); name an existing file'
    assert error_of(gone) == message
    environment.setenv('USAGE_CONFIG', str(gone))
    assert error_of() == message
    environment.setenv('USAGE_CONFIG', str(tmp_path))
    assert error_of() == f'{tmp_path}: cannot read the settings (Is a directory); name an existing file'


# what is not shown


@pytest.mark.parametrize('broken', ['', 'timezone = "Paris"', 'timezon = "UTC"', 'secret = ["{}"]', 'clickhouse_url = ["{}"]'])
@pytest.mark.parametrize('from_file', [False, True])
def test_secrets_are_not_in_texts_of_settings_or_errors(environment: pytest.MonkeyPatch, broken: str, from_file: bool) -> None:
    values: dict[str, Any] = {'clickhouse_url': f'http://me:{PASSWORD}@ch/usage', 'secret': SECRET}
    lines = [broken.format(SECRET)] if broken else []
    for name, value in values.items():
        if not from_file:
            environment.setenv(f'USAGE_{name.upper()}', value)
        elif not broken.startswith(name):
            lines.append(f'{name} = "{value}"')
    file('\n'.join(lines))
    try:
        settings = load()
        texts = [repr(settings), str(settings), f'{settings}', str(settings.model_dump()), settings.model_dump_json()]
        assert settings.database_url == values['clickhouse_url']
    except SettingsError as error:
        texts = [repr(error), CliRunner().invoke(main, ['--debug', 'report']).output]
    for text in texts:
        assert PASSWORD not in text
        assert SECRET not in text


def test_archives_need_a_folder_and_a_day_that_every_month_has(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv('USAGE_ARCHIVE_DAY', '5')
    with pytest.raises(SettingsError, match='USAGE_ARCHIVE_DAY: there is no folder for the archives; set archive_dir too'):
        load()
    environment.setenv('USAGE_ARCHIVE_DIR', str(tmp_path))
    assert load().archive_day == 5
    for day in ('0', '29', 'x', '1.5'):
        environment.setenv('USAGE_ARCHIVE_DAY', day)
        with pytest.raises(SettingsError, match='USAGE_ARCHIVE_DAY: '):
            load()


# settings that other programs read


@pytest.mark.parametrize('directory', ['plain', 'with space', 'with#hash', 'with?mark', 'with%20code', 'é'])
def test_the_embedded_database_is_in_the_data_directory_whatever_its_name(
    environment: pytest.MonkeyPatch, tmp_path: Path, directory: str
) -> None:
    environment.setenv('USAGE_DATA_DIR', directory)
    assert address(load().database_url).embedded == tmp_path / directory / 'clickhouse'


def test_every_time_zone_that_can_be_set_is_known_to_what_computes_with_it(database: ClickHouse) -> None:
    zones = []
    for zone in sorted(zoneinfo.available_timezones()):
        try:
            zones.append(PortalRules(timezone=zone).timezone)
        except ValueError:
            assert zone in ('localtime', 'Factory')
    assert len(zones) > 400
    moments = pl.Series([datetime(2026, 7, 1, tzinfo=UTC)])
    for zone in zones:
        moments.dt.convert_time_zone(zone)
    assert set(zones) <= {row['time_zone'] for row in database.query('SELECT time_zone FROM system.time_zones')}
