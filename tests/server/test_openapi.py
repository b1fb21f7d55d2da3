"""The OpenAPI document is correct: schemathesis finds no answer that it does not allow."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from files import DATA, ROOT
from serving import CALL, DOMAIN, OTHER, Serving, serving
from waitress import create_server

from exporter.report import events
from exporter.server.app import LIMITS
from exporter.server.tokens import Scope
from exporter.store.clickhouse import ClickHouse
from exporter.store.connections import Connections

pytestmark = pytest.mark.slow
CONFIG = DATA / 'schemathesis.toml'


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[tuple[Serving, str]]:
    """The application under waitress, with calls of two portals, and its address."""
    with Connections(database_url) as database, serving(tmp_path / 'data', database, room=1 << 30) as parts:
        parts.post([CALL, CALL | {'domain': OTHER}])
        parts.drain.empty()
        connections: dict[int, object] = {}
        waitress = create_server(parts.app, map=connections, host='127.0.0.1', port=0, threads=4, **LIMITS)
        thread = threading.Thread(target=waitress.run)
        thread.start()
        yield parts, f'http://127.0.0.1:{waitress.effective_port}'
        waitress.close()
        thread.join()


def test_schemathesis_finds_no_fault(
    server: tuple[Serving, str], database: ClickHouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts, url = server
    caplog.set_level('ERROR')
    token = parts.token(Scope.WRITE, Scope.READ, domain=DOMAIN)['Authorization']  # the default domain of calls
    command = [sys.executable, '-m', 'schemathesis.cli', '--config-file', str(CONFIG), 'run', f'{url}/openapi.json']
    environment = os.environ | {'SCHEMATHESIS_HOOKS': 'moments', 'PYTHONPATH': str(ROOT / 'tests')}
    command += ['--header', f'Authorization: {token}']
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    print(process.stdout)
    assert process.returncode == 0, process.stdout + process.stderr
    assert caplog.text == ''
    parts.drain.empty()
    assert parts.spool.balance.stored == parts.spool.balance.accepted > 10  # not all calls were rejected
    assert len(events.read(database, None)) > 3
