"""`grafana export`: writes pages and alerts as provisioning files for an existing Grafana."""

import json
import re
from pathlib import Path

import click

from exporter.errors import ExportError, SettingsError

PACKAGE = Path(__file__).parents[1]
SOURCE = PACKAGE if (PACKAGE / 'provisioning').is_dir() else PACKAGE.parent  # the first in a wheel, the second in a checkout
DATASOURCE = 'usage-clickhouse'  # the uid of the provisioned data source
DASHBOARDS = Path('dashboards', 'usage')  # below dashboards/, where Grafana reads only YAML files
MARK = '# Written by usage-exporter grafana export, which replaces it.\n'
SWITCH = re.compile(r'(uid: (\S+)\n +isPaused: )(true|false)')
EXAMPLES = """\b
Examples:
  sudo usage-exporter grafana export /etc/grafana/provisioning
  usage-exporter grafana export provisioning --mounted-as /etc/grafana/provisioning
  usage-exporter grafana export provisioning --datasource bds8x4u1mtypsb
"""


@click.group(epilog=EXAMPLES)
def grafana() -> None:
    """Write pages and alerts for your own Grafana."""


@grafana.command(epilog=EXAMPLES)
@click.argument('folder', metavar='DIR', type=click.Path(file_okay=False, path_type=Path))
@click.option('--datasource', metavar='UID', help='An existing data source.  [default: a new one]')
@click.option('--mounted-as', metavar='PATH', help='The path of DIR as Grafana sees it, as in a container.  [default: DIR]')
@click.option('--runbooks', metavar='URL', help='The address where you publish docs/alerts.md; the alerts then link to it.')
def export(folder: Path, datasource: str | None, mounted_as: str | None, runbooks: str | None) -> None:
    """Write pages, data source and alerts into Grafana's provisioning folder DIR.

    Run it again after an upgrade: it replaces its own files, and active alerts stay active. It changes no other file.
    """
    if datasource is not None and not re.fullmatch(r'[\w-]{1,40}', datasource, re.ASCII):
        raise SettingsError(f'--datasource: invalid uid {datasource!r}', 'copy it from the address of the data source in Grafana')
    if mounted_as is not None and not mounted_as.startswith('/'):
        raise SettingsError(f'--mounted-as: {mounted_as!r} is not an absolute path', 'begin it with /')
    if runbooks is not None and not re.fullmatch(r'https?://[^\s"#]+', runbooks):
        raise SettingsError(f'--runbooks: invalid URL {runbooks!r}', 'write it as https://wiki.example.org/alerts')
    texts = {folder / name: text for name, text in files(datasource, mounted_as or str(folder.absolute()), runbooks).items()}
    for file, text in texts.items():
        if file.exists() and not _is_export(file, text):
            raise ExportError(f'{file}: not a file of usage-exporter, so nothing was written', 'move it, or choose another DIR')
    for file, text in texts.items():
        merged = _keep_active(text, file.read_text(encoding='utf-8')) if file.exists() else text
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(merged, encoding='utf-8')
    variables = ', '.join(dict.fromkeys(re.findall(r'\$(\w+)', _read_provisioning('datasources'))))
    click.echo(f'{folder}: {len(texts)} files; Grafana reads them from its provisioning folder {mounted_as or folder.absolute()}')
    click.echo(f'Next: {"" if datasource else f"set {variables} in its environment, "}restart it and open /d/usage-users-en')


def files(datasource: str | None, folder: str, runbooks: str | None) -> dict[Path, str]:
    """The files to write: paths in the provisioning folder, and their texts. Grafana sees the folder as `folder`."""
    uid = datasource or DATASOURCE
    pages = SOURCE / 'grafana' / 'dashboards'
    written = {
        DASHBOARDS / page.relative_to(pages): page.read_text(encoding='utf-8').replace(DATASOURCE, uid)
        for page in sorted(pages.rglob('*.json'))
    }
    pages_path = json.dumps(f'{folder}/{DASHBOARDS}'.replace('$', '$$'), ensure_ascii=False)  # $NAME would be a variable
    written[Path('dashboards', 'usage.yaml')] = MARK + re.sub(
        '(?<= path: ).*', lambda _: pages_path, _read_provisioning('dashboards')
    )
    alerts = _read_provisioning('alerting').replace(DATASOURCE, uid)
    if runbooks:
        alerts = re.sub(r'runbook: \S+(#\S+)', lambda match: f'runbook_url: "{runbooks}{match[1]}"', alerts)
    written[Path('alerting', 'usage.yaml')] = MARK + alerts
    if not datasource:
        written[Path('datasources', 'usage.yaml')] = MARK + _read_provisioning('datasources')
    return written


def _read_provisioning(kind: str) -> str:
    return (SOURCE / 'provisioning' / kind / 'usage.yaml').read_text(encoding='utf-8')


def _is_export(file: Path, text: str) -> bool:
    """Whether an export wrote the file: a page has the same uid, a YAML file begins with MARK."""
    existing = file.read_text(encoding='utf-8', errors='replace')
    try:
        return existing.startswith(MARK) if file.suffix == '.yaml' else json.loads(existing)['uid'] == json.loads(text)['uid']
    except (ValueError, LookupError, TypeError):
        return False


def _keep_active(text: str, existing: str) -> str:
    """The text, with each alert paused or active as in the existing file."""
    states = {uid: paused for _, uid, paused in SWITCH.findall(existing)}
    return SWITCH.sub(lambda match: f'{match[1]}{states.get(match[2], match[3])}', text)
