"""Tokens: shown once, stored as hashes that only their owner can read, invalid as soon as they are revoked."""

import json
import threading
from pathlib import Path

import pytest
from access_logs import run

from exporter.errors import InputError, SettingsError
from exporter.server.tokens import Scope, Tokens


def test_a_token_is_recognized_by_its_text_only(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    token, text = tokens.add('gateway', 'data.example.org', [Scope.WRITE])
    other, other_text = tokens.add('dashboard', '', [Scope.READ, Scope.WRITE, Scope.READ])
    assert text != other_text
    assert (tokens.of(text), tokens.of(other_text)) == (token, other)
    assert (token.domain, token.scopes, other.domain, other.scopes) == (
        'data.example.org', (Scope.WRITE,), '', (Scope.READ, Scope.WRITE),
    )  # fmt: skip
    for wrong in ('', text[:-1], text + 'x', text.swapcase(), token.sha256, token.id, '\udcff', 'é'):
        assert tokens.of(wrong) is None


def test_only_the_owner_reads_the_file_and_it_holds_no_token(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / 'data')
    _, text = tokens.add('gateway', '', [Scope.WRITE])
    assert tokens.file.stat().st_mode & 0o777 == 0o600
    assert tokens.file.parent.stat().st_mode & 0o077 == 0
    assert text.removeprefix('usage_') not in tokens.file.read_text()
    assert [path.name for path in tokens.file.parent.iterdir()] == ['tokens.json']


def test_another_process_sees_changes_at_once(tmp_path: Path) -> None:
    serving, changing = Tokens(tmp_path), Tokens(tmp_path)
    assert not serving.needed
    token, text = changing.add('gateway', '', [Scope.WRITE])
    assert serving.needed
    assert serving.of(text) == token
    second, second_text = changing.add('dashboard', '', [Scope.READ])
    changing.revoke(token.id)
    assert serving.of(text) is None
    assert serving.of(second_text) == second
    assert serving.read() == [second]


def test_revoking_the_last_or_losing_the_file_permits_nothing(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    token, text = tokens.add('gateway', '', [Scope.WRITE])
    tokens.revoke(token.id)
    assert Tokens(tmp_path).needed
    tokens.file.unlink()
    assert tokens.needed
    assert tokens.of(text) is None


def test_revoking_an_unknown_token_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='token 1a2b: not found'):
        Tokens(tmp_path).revoke('1a2b')
    assert not Tokens(tmp_path).needed


def test_concurrent_additions_lose_no_token(tmp_path: Path) -> None:
    threads = [threading.Thread(target=Tokens(tmp_path).add, args=(str(number), '', [Scope.READ])) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {token.name for token in Tokens(tmp_path).read()} == {str(number) for number in range(16)}


@pytest.mark.parametrize('content', [b'', b'{}', b'[{"id": "a"}]', b'\xff', b'[1'])
def test_a_damaged_file_permits_nothing(tmp_path: Path, content: bytes) -> None:
    tokens = Tokens(tmp_path)
    tokens.file.write_bytes(content)
    tokens.file.chmod(0o600)
    for action in (lambda: tokens.needed, lambda: tokens.of('x'), lambda: tokens.add('n', '', [Scope.READ])):
        with pytest.raises(SettingsError, match=r'tokens\.json: invalid tokens file'):
            action()
    assert tokens.file.read_bytes() == content


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    _, text = tokens.add('gateway', '', [Scope.WRITE])
    tokens.file.chmod(0o640)
    with pytest.raises(SettingsError, match='chmod 600'):
        tokens.of(text)


def test_a_directory_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(SettingsError, match='cannot write the tokens'):
        Tokens(tmp_path / 'file').add('gateway', '', [Scope.WRITE])


# the commands


@pytest.mark.usefixtures('settings')
def test_standard_output_holds_only_the_token(tmp_path: Path) -> None:
    added = run('tokens', 'add', '--name', 'gateway', '--domain', 'Data.example.org', '--scope', 'write', '--scope', 'read')
    assert added.exit_code == 0
    token = Tokens(tmp_path / 'data').of(added.stdout.strip())
    assert token
    assert token.id in added.stderr
    assert added.stdout.strip() not in added.stderr
    listed = run('tokens', 'list', '--format', 'json')
    [row] = json.loads(listed.stdout)
    assert row == {
        'id': token.id, 'name': 'gateway', 'domain': 'data.example.org', 'publisher': '', 'scopes': ['read', 'write'],
        'created': token.created.isoformat(' '),
    }  # fmt: skip
    revoked = run('tokens', 'revoke', token.id)
    assert (revoked.stdout, revoked.exit_code) == (f'revoked token {token.id}\n', 0)
    assert 'nobody may send or read' in revoked.stderr
    assert json.loads(run('tokens', 'list', '--format', 'json').stdout) == []


@pytest.mark.usefixtures('settings')
def test_a_token_can_be_for_one_publisher(tmp_path: Path) -> None:
    limits = ['--domain', 'data.example.org', '--publisher', "Bureau d'études"]
    added = run('tokens', 'add', '--name', 'bureau', *limits, '--scope', 'read')
    token = Tokens(tmp_path / 'data').of(added.stdout.strip())
    assert token
    assert (token.domain, token.publisher, token.scopes) == ('data.example.org', "Bureau d'études", (Scope.READ,))
    assert "Bureau d'études of data.example.org" in added.stderr
    assert json.loads(run('tokens', 'list', '--format', 'json').stdout)[0]['publisher'] == "Bureau d'études"
    assert "Bureau d'études" in run('tokens', 'list').stdout


def test_files_from_before_publishers_are_read_and_look_the_same(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    tokens.add('gateway', '', [Scope.WRITE])
    [stored] = json.loads(tokens.file.read_text())
    assert list(stored) == ['id', 'name', 'domain', 'scopes', 'created', 'sha256']
    assert tokens.read()[0].publisher == ''


@pytest.mark.usefixtures('settings')
@pytest.mark.parametrize(
    'wrong',
    [
        ['add', '--name', 'n'],
        ['add', '--scope', 'read'],
        ['add', '--name', 'n', '--scope', 'all'],
        ['add', '--name', 'n', '--scope', 'read', '--domain', 'no domain'],
        ['add', '--name', 'n', '--scope', 'read', '--publisher', 'City'],
        ['add', '--name', 'n', '--scope', 'read', '--publisher', '', '--domain', 'data.example.org'],
        ['add', '--name', 'n', '--scope', 'write', '--publisher', 'City', '--domain', 'data.example.org'],
        ['add', '--name', 'n', '--scope', 'read', '--scope', 'write', '--publisher', 'City', '--domain', 'data.example.org'],
    ],
)
def test_invalid_usage_is_one_line_and_creates_no_token(tmp_path: Path, wrong: list[str]) -> None:
    result = run('tokens', *wrong)
    assert result.exit_code == 2
    assert result.stderr.count('\n') == 1
    assert not (tmp_path / 'data' / 'tokens.json').exists()
