"""The set-up with Docker: its parts fit together, no port is open to the network, and Grafana may only read."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from files import ROOT

from exporter.commands.serve import LAST
from exporter.config import PREFIX, Settings
from exporter.store.clickhouse import ClickHouse

TEXT = (ROOT / 'docker-compose.yml').read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE['services']
EXAMPLE = dict(
    line.split('=', 1) for line in (ROOT / '.env.example').read_text().splitlines() if line and not line.startswith('#')
)
PASSWORDS = sorted(set(re.findall(r'\$\{(\w+):\?', TEXT)))
USERS = ElementTree.parse(ROOT / 'provisioning' / 'clickhouse' / 'users.d' / 'usage.xml').getroot()


def program() -> list[str]:
    if shutil.which('docker-compose'):
        return ['docker-compose']
    if shutil.which('docker') and subprocess.run(['docker', 'compose', 'version'], capture_output=True).returncode == 0:
        return ['docker', 'compose']
    pytest.skip('needs docker-compose or docker compose: install the Debian package docker-compose')


def config(values: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Asks Compose what it makes of our file, with these values in .env and none in the environment."""
    file = folder / 'values.env'
    file.write_text(''.join(f'{name}={value}\n' for name, value in values.items()))
    environment = {name: value for name, value in os.environ.items() if name not in EXAMPLE}
    command: list[str | Path] = [*program(), '--env-file', file, '--file', ROOT / 'docker-compose.yml', 'config', '--quiet']
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_compose_accepts_the_file_with_the_values_of_the_example(tmp_path: Path) -> None:
    done = config(EXAMPLE, tmp_path)
    assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.parametrize('name', PASSWORDS)
def test_a_missing_password_is_named_with_the_remedy(name: str, tmp_path: Path) -> None:
    done = config({**EXAMPLE, name: ''}, tmp_path)
    assert done.returncode != 0
    assert name in done.stderr
    assert '.env.example' in done.stderr


def test_the_example_names_every_variable_and_no_other() -> None:
    assert EXAMPLE.keys() == set(re.findall(r'\$\{(\w+)', TEXT))
    assert len(PASSWORDS) == 3
    assert all(re.fullmatch(r'\w+', EXAMPLE[name]) for name in PASSWORDS), 'one of them becomes part of a URL'


# services


def test_nothing_is_open_to_the_network() -> None:
    ports = [port for service in SERVICES.values() for port in service.get('ports', [])]
    assert '127.0.0.1:3000:3000' in ports
    assert all(port.startswith('127.0.0.1:') for port in ports)


def test_servers_restart_and_have_health_checks() -> None:
    for name in ('clickhouse', 'grafana'):
        assert SERVICES[name]['restart'] == 'unless-stopped'
        assert SERVICES[name]['healthcheck']['test'][0] == 'CMD'
        assert re.fullmatch(r'[\w/-]+:\d+\.\d+\.\d+(\.\d+)?', SERVICES[name]['image'])


def test_the_demo_is_stored_once_and_then_the_exporter_serves() -> None:
    assert SERVICES['demo']['depends_on'] == {'clickhouse': {'condition': 'service_healthy'}}
    assert (SERVICES['demo']['command'], SERVICES['demo']['restart']) == (['demo'], 'on-failure')
    assert SERVICES['exporter']['depends_on'] == {'demo': {'condition': 'service_completed_successfully'}}
    assert (SERVICES['exporter']['command'], SERVICES['exporter']['restart']) == (['serve'], 'unless-stopped')
    for same in ('image', 'environment', 'volumes'):
        assert SERVICES['demo'][same] == SERVICES['exporter'][same]
    assert 'depends_on' not in SERVICES['grafana']


def test_the_exporter_has_time_to_stop_and_a_health_check() -> None:
    assert int(SERVICES['exporter']['stop_grace_period'].removesuffix('s')) > 5 + LAST + LAST  # requests, jobs, storing
    assert "urlopen('http://127.0.0.1:8093/healthz')" in SERVICES['exporter']['healthcheck']['test'][-1]


def test_the_exporter_gets_settings_that_it_knows() -> None:
    variables = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(SERVICES['exporter']['environment']) <= variables


def test_provided_files_exist_and_are_mounted_read_only() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get('volumes', []) if volume.startswith('.')]
    assert mounts
    for source, _, mode in (mount.split(':') for mount in mounts):
        assert (ROOT / source).exists()
        assert mode == 'ro'


def test_data_is_kept_in_named_volumes() -> None:
    named = {volume.split(':')[0] for service in SERVICES.values() for volume in service['volumes'] if volume[0] != '.'}
    assert named == set(COMPOSE['volumes']) == set(SERVICES) - {'demo'}


# Grafana


def test_grafana_has_every_variable_of_its_data_source() -> None:
    text = (ROOT / 'provisioning' / 'datasources' / 'usage.yaml').read_text()
    environment = SERVICES['grafana']['environment']
    assert set(re.findall(r'\$(\w+)', text)) <= environment.keys()
    [source] = yaml.safe_load(text)['datasources']
    assert (source['uid'], source['type']) == ('usage-clickhouse', 'grafana-clickhouse-datasource')
    assert environment['GF_PLUGINS_PREINSTALL_SYNC'].startswith(f'{source["type"]}@')
    assert source['secureJsonData'].keys() == {'password'}
    assert 'password' not in source['jsonData']
    assert environment['CLICKHOUSE_HOST'] in SERVICES
    assert environment['CLICKHOUSE_USER'] == 'grafana'
    assert environment['CLICKHOUSE_PASSWORD'] == SERVICES['clickhouse']['environment']['CLICKHOUSE_GRAFANA_PASSWORD']


def test_grafana_finds_the_pages_in_a_folder_of_their_own_and_opens_with_users() -> None:
    [provider] = yaml.safe_load((ROOT / 'provisioning' / 'dashboards' / 'usage.yaml').read_text())['providers']
    targets = dict(volume.split(':')[:2] for volume in SERVICES['grafana']['volumes'])
    assert targets['./grafana/dashboards'] == provider['options']['path']
    kinds = ('alerting', 'dashboards', 'datasources')
    assert [targets[f'./provisioning/{kind}'] for kind in kinds] == [f'/etc/grafana/provisioning/{kind}' for kind in kinds]
    assert (provider['type'], provider['folder']) == ('file', 'Usage')
    pages = [json.loads(file.read_text()) for file in (ROOT / 'grafana' / 'dashboards').rglob('*.json')]
    assert len({page['uid'] for page in pages}) == len({page['title'] for page in pages}) == len(pages)
    home = SERVICES['grafana']['environment']['GF_USERS_HOME_PAGE']
    assert home == '/d/usage-users-en'
    assert home.removeprefix('/d/') in {page['uid'] for page in pages}


# ClickHouse


def limits() -> dict[str, str]:
    """The settings of the reading user's profile."""
    [profile] = USERS.findall(f'profiles/{USERS.findtext("users/grafana/profile")}')
    return {setting.tag: setting.text or '' for setting in profile if setting.tag != 'constraints'}


def test_passwords_come_from_the_environment() -> None:
    for user in ('exporter', 'grafana'):
        [password] = USERS.findall(f'users/{user}/password')
        assert not password.text
        assert password.attrib['from_env'] in SERVICES['clickhouse']['environment']


def test_the_user_without_a_password_is_local() -> None:
    networks = USERS.find('users/default/networks')
    assert networks is not None
    assert networks.attrib == {'replace': 'replace'}
    assert {ip.text for ip in networks} == {'::1', '127.0.0.1'}


def test_the_exporter_may_write_to_its_database_only() -> None:
    assert [query.text for query in USERS.findall('users/exporter/grants/query')] == ['GRANT ALL ON usage.*']
    url = SERVICES['exporter']['environment']['USAGE_CLICKHOUSE_URL']
    password = SERVICES['clickhouse']['environment']['CLICKHOUSE_EXPORTER_PASSWORD']
    assert url == f'http://exporter:{password}@clickhouse:8123/usage'


def test_grafana_may_read_one_database_only() -> None:
    assert [query.text for query in USERS.findall('users/grafana/grants/query')] == ['GRANT SELECT ON usage.*']
    assert limits()['readonly'] == '2'


def test_the_reading_user_cannot_lift_its_limits_and_the_plugin_works_within_them() -> None:
    constraints = {setting.tag: setting for setting in USERS.findall('profiles/usage_reader/constraints/*')}
    assert constraints.keys() == limits().keys() - {'readonly'}
    assert {'max_memory_usage', 'max_execution_time', 'max_result_rows'} <= constraints.keys()
    seconds = constraints.pop('max_execution_time')
    assert int(seconds.findtext('min') or 0) > 0, '0 would be no limit'
    assert int(seconds.findtext('max') or 0) >= 65, 'the plugin sends 60 seconds and 5 more'
    assert all([child.tag for child in constraint] == ['readonly'] for constraint in constraints.values())


def test_every_limit_is_a_setting_of_the_engine(database: ClickHouse) -> None:
    types = {row['name']: row['type'] for row in database.query('SELECT name, type FROM system.settings')}
    assert limits().keys() <= types.keys()
    for name, value in limits().items():
        assert value.isdigit() == (types[name] != 'OverflowMode'), name


def test_the_documented_limits_are_the_real_ones() -> None:
    text = (ROOT / 'docs' / 'sql.md').read_text().partition('## Who may ask')[2]
    sql = (
        (ROOT / 'docs' / 'grafana.md').read_text().partition('CREATE SETTINGS PROFILE usage_reader SETTINGS')[2].partition(';')[0]
    )
    assert dict(re.findall(r"^ +(\w+) = '?(\w+)", sql, re.MULTILINE)) == limits()
    assert all(f'`{name}`' in text for name in limits())
    [user] = re.findall(r'```xml\n(.*?)```', text, re.DOTALL)
    analyst, grafana = ElementTree.fromstring(user), USERS.find('users/grafana')
    assert grafana is not None
    assert {part.tag for part in analyst} == {part.tag for part in grafana}
    assert analyst.findtext('profile') == grafana.findtext('profile')
    assert analyst.findtext('grants/query') == grafana.findtext('grants/query')


# the image


def test_the_image_is_built_from_locked_dependencies_and_files_that_are_sent_to_the_build() -> None:
    text = (ROOT / 'Dockerfile').read_text()
    assert '--require-hashes -r requirements.txt' in text
    copied = [name for line in re.findall(r'^COPY (?!--from)(.+) \S+$', text, re.MULTILINE) for name in line.split()]
    let_through = re.findall(r'^!(\S+)$', (ROOT / '.dockerignore').read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(let_through)
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_runs_the_program_as_an_ordinary_user() -> None:
    lines = (ROOT / 'Dockerfile').read_text().splitlines()
    assert lines[-1] == 'ENTRYPOINT ["usage-exporter"]'
    [user] = [line.removeprefix('USER ') for line in lines if line.startswith('USER ')]
    assert user not in ('root', '0')
    [mount] = [volume.split(':')[1] for volume in SERVICES['exporter']['volumes']]
    assert f'VOLUME {mount}' in lines
    assert any(f'USAGE_DATA_DIR={mount}' in line for line in lines)
