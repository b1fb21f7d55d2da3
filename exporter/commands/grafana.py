"""`grafana export`: writes pages and alerts as provisioning files for an existing Grafana."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import click

from exporter.commands.context import Context, pass_context
from exporter.errors import ExportError, SettingsError
from exporter.store.url import address

PACKAGE = Path(__file__).parents[1]
SOURCE = PACKAGE if (PACKAGE / 'provisioning').is_dir() else PACKAGE.parent  # the first in a wheel, the second in a checkout
DATASOURCE = 'usage-clickhouse'  # the uid of the provisioned data source
DASHBOARDS = Path('dashboards', 'usage')  # below dashboards/, where Grafana reads only YAML files
MARK = '# Written by usage-exporter grafana export, which replaces it.\n'
READ_PATH = '/clickhouse'  # of serve
DATASOURCES = Path('datasources', 'usage.yaml')
SERVE = re.compile(r'https?://[\w.-]+(:\d{1,5})?(/[\w./-]*)?|https?://\[[\da-fA-F:.]+\](:\d{1,5})?(/[\w./-]*)?')
SWITCH = re.compile(r'(uid: (\S+)\n +isPaused: )(true|false)')
EXAMPLES = """\b
Examples:
  sudo usage-exporter grafana export /etc/grafana/provisioning
  usage-exporter grafana export provisioning --mounted-as /etc/grafana/provisioning
  usage-exporter grafana export provisioning --datasource bds8x4u1mtypsb
  usage-exporter grafana export provisioning --from-serve http://127.0.0.1:8093
"""


@click.group(epilog=EXAMPLES)
def grafana() -> None:
    """Write pages and alerts for your own Grafana."""


@grafana.command(epilog=EXAMPLES)
@click.argument('folder', metavar='DIR', type=click.Path(file_okay=False, path_type=Path))
@click.option('--datasource', metavar='UID', help='An existing data source.  [default: a new one]')
@click.option('--from-serve', metavar='URL', help='The address of serve, which answers for the database: no server is needed.')
@click.option('--mounted-as', metavar='PATH', help='The path of DIR as Grafana sees it, as in a container.  [default: DIR]')
@click.option('--runbooks', metavar='URL', help='The address where you publish docs/alerts.md; the alerts then link to it.')
@pass_context
def export(
    context: Context, folder: Path, datasource: str | None, from_serve: str | None, mounted_as: str | None, runbooks: str | None
) -> None:
    """Write pages, data source and alerts into Grafana's provisioning folder DIR.

    Run it again after an upgrade: it replaces its own files, and active alerts stay active. It changes no other file.
    """
    if datasource is not None and not re.fullmatch(r'[\w-]{1,40}', datasource, re.ASCII):
        raise SettingsError(f'--datasource: invalid uid {datasource!r}', 'copy it from the address of the data source in Grafana')
    if datasource is not None and from_serve is not None:
        raise SettingsError('--datasource and --from-serve: only one of them is possible', 'leave one out')
    if from_serve is not None and not SERVE.fullmatch(from_serve):
        raise SettingsError(f'--from-serve: invalid URL {from_serve!r}', 'write it as http://127.0.0.1:8093')
    if mounted_as is not None and not mounted_as.startswith('/'):
        raise SettingsError(f'--mounted-as: {mounted_as!r} is not an absolute path', 'begin it with /')
    if runbooks is not None and not re.fullmatch(r'https?://[^\s"#]+', runbooks):
        raise SettingsError(f'--runbooks: invalid URL {runbooks!r}', 'write it as https://wiki.example.org/alerts')
    seen_as = mounted_as or str(folder.absolute())
    if datasource:
        source = ''
    elif from_serve:
        source = _source_of_serve(from_serve, address(context.settings.database_url).database)
    else:
        source = _read_provisioning('datasources')
    texts = {folder / name: text for name, text in files(datasource or DATASOURCE, source, seen_as, runbooks).items()}
    for file, text in texts.items():
        if file.exists() and not _is_export(file, text):
            raise ExportError(f'{file}: not a file of usage-exporter, so nothing was written', 'move it, or choose another DIR')
    for file, text in texts.items():
        merged = _keep_active(text, file.read_text(encoding='utf-8')) if file.exists() else text
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(merged, encoding='utf-8')
    variables = ', '.join(dict.fromkeys(re.findall(r'\$(\w+)', source)))
    needed = f'set {variables} in its environment{", if serve has tokens, to a token" if from_serve else ""}, '
    click.echo(f'{folder}: {len(texts)} files; Grafana reads them from its provisioning folder {seen_as}')
    click.echo(f'Next: {needed if source else ""}restart it and open /d/usage-users-en')


def files(uid: str, source: str, folder: str, runbooks: str | None) -> dict[Path, str]:
    """The files to write: paths in the provisioning folder, and their texts. Grafana sees the folder as `folder`.

    `uid` is that of the data source, `source` its file; '' for a data source that exists.
    """
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
    if source:
        written[DATASOURCES] = MARK + source
    return written


def _source_of_serve(url: str, database: str) -> str:
    """The data source that reads from `serve` at this URL. Its password, a token, comes from Grafana's environment."""
    parts = urlsplit(url)
    https = parts.scheme == 'https'
    host = parts.hostname or ''
    values = {
        'host': f'[{host}]' if ':' in host else host,
        'port': parts.port or (443 if https else 80),
        'protocol': 'http',
        'secure': https,
        'path': f'{parts.path.rstrip("/")}{READ_PATH}',
        'username': 'grafana',
        'defaultDatabase': database,
    }
    lines = ''.join(f'      {name}: {json.dumps(value)}\n' for name, value in values.items())
    return re.sub(r'(?<= jsonData:\n)(      .*\n)+', lines, _read_provisioning('datasources'))


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
