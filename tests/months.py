"""Logs of whole months for the tests of archives: lines with a data set, and the program's own commands over them."""

from datetime import datetime, timedelta
from pathlib import Path

from access_logs import FIREFOX, imported, run
from click.testing import Result

DOMAIN = 'data.example.org'
OTHER = 'open.example.net'
OCTOBER = datetime.fromisoformat('2024-10-01T00:00:00+00:00')


def line(dataset: str, day: int = 1, ip: int = 1, user: str = '-', path: str = '', hour: int = 8, minute: int = 0) -> str:
    """A line of October 2024 (UTC; days may go beyond it) that queries a data set, or gets another path."""
    when = OCTOBER + timedelta(days=day - 1, hours=hour, minutes=minute)
    path = path or f'/api/explore/v2.1/catalog/datasets/{dataset}/records'
    return f'192.0.2.{ip} - {user} [{when:%d/%b/%Y:%H:%M:%S %z}] "GET {path} HTTP/1.1" 200 100 "-" "{FIREFOX}"\n'


def store(folder: Path, name: str, *lines: str, domain: str = DOMAIN) -> Path:
    """Imports lines as a log of this name."""
    log = folder / name
    log.write_text(''.join(lines))
    imported(log, domain=domain)
    return log


def archived(folder: Path, *options: str) -> Path:
    """Archives October 2024 into a folder; returns it."""
    result = run('archive', '--month', '2024-10', '-o', folder, *options)
    assert result.exit_code == 0, result.output
    return folder


def check(folder: Path) -> Result:
    return run('archive', '--check', folder, '--format', 'json')
