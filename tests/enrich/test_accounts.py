"""The account of a request: from the user field or an API key."""

from pathlib import Path

import pytest
from requests_read import KEY, read, read_one

from exporter.enrich.accounts import hash_api_key
from exporter.errors import SettingsError


@pytest.mark.parametrize(
    ('user', 'account'),
    [
        ('alice', 'alice'),
        (' alice ', 'alice'),
        ('-', ''),
        ('', ''),
        ('anonymous', ''),
        ('Anonymous', ''),
        ('anonymous2', 'anonymous2'),
    ],
)
def test_the_user_field_names_an_account(user: str, account: str) -> None:
    assert read_one('/', user=user)['user_id'] == account


def test_an_api_key_becomes_a_hash_that_does_not_reveal_it() -> None:
    [first, again, other, none] = read(
        '/a?apikey=0123456789abcdef', '/b?x=1&apikey=0123456789abcdef&y=2', '/a?apikey=fedcba9876543210', '/a?apikeys=1',
        accounts=('query:apikey',),
    )  # fmt: skip
    assert first['user_id'] == again['user_id'] == hash_api_key('0123456789abcdef', KEY)
    assert first['user_id'].startswith('key-')
    assert len(first['user_id']) == len('key-') + 10
    assert other['user_id'] not in ('', first['user_id'])
    assert none['user_id'] == ''
    assert hash_api_key('0123456789abcdef', b'another key') != first['user_id']


def test_a_file_names_api_keys(tmp_path: Path) -> None:
    file = tmp_path / 'keys.csv'
    file.write_text('key,account\nsecret-1,city-app\nsecret-2,Élise Martin\nsecret-3,city-app\nsecret-4,\n', encoding='utf-8')
    calls = read(*(f'/?apikey=secret-{number}' for number in range(1, 6)), accounts=('query:apikey',), api_keys=file)
    assert [call['user_id'] for call in calls] == [
        'city-app', 'Élise Martin', 'city-app', hash_api_key('secret-4', KEY), hash_api_key('secret-5', KEY),
    ]  # fmt: skip


def test_a_file_of_api_keys_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    """Excel begins a CSV in UTF-8 with a byte order mark."""
    file = tmp_path / 'keys.csv'
    file.write_bytes('\ufeffkey,account\r\nsecret,city-app\r\n'.encode())
    assert read_one('/?apikey=secret', accounts=('query:apikey',), api_keys=file)['user_id'] == 'city-app'


@pytest.mark.parametrize('content', [b'one,two\n1,2\n', b'key;account\n1;2\n', b'\xff\xfe', None])
def test_an_invalid_file_of_api_keys_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / 'keys.csv'
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r'keys\.csv: (cannot read the API keys|the first line is not key,account)'):
        read('/', api_keys=file)


def test_the_first_source_that_names_an_account_wins() -> None:
    paths = '/?token=t&apikey=a', '/?apikey=a', '/'
    sources = ('user', 'query:token', 'query:apikey')
    assert [call['user_id'] for call in read(*paths, user='alice', accounts=sources)] == ['alice'] * 3
    assert [call['user_id'] for call in read(*paths, accounts=sources)] == [hash_api_key('t', KEY), hash_api_key('a', KEY), '']
    assert [call['user_id'] for call in read(*paths, accounts=sources[::-1])] == [hash_api_key('a', KEY)] * 2 + ['']
    assert [call['user_id'] for call in read(*paths, user='alice', accounts=sources[1:])][-1] == ''


@pytest.mark.parametrize(
    'query',
    ['apikey=Ab+/==', 'apikey=Ab%2B%2F%3D%3D', 'apikey=Ab%2b%2f%3d%3d', 'api%6Bey=Ab%2B/==', 'rows=1&%61pikey=Ab+%2F=='],
)
def test_parameter_is_compared_decoded(query: str, tmp_path: Path) -> None:
    """RFC 3986, section 2.4: a name or value in percent-encoding is the same one."""
    keys = tmp_path / 'keys.csv'
    keys.write_text('key,account\nAb+/==,office\n')
    row = read_one(f'/x?{query}', accounts=('query:apikey',), api_keys=keys)
    assert row['user_id'] == 'office'


@pytest.mark.parametrize('query', ['$$app_token=Tok3n', '%24%24app_token=Tok3n', '$limit=5&%24$app_token=Tok3n'])
def test_dollar_in_a_name_may_be_encoded(query: str) -> None:
    row, plain = (read_one(f'/x?{text}', accounts=('query:$$app_token',)) for text in (query, '$$app_token=Tok3n'))
    assert row['user_id'] == plain['user_id'] != ''


@pytest.mark.parametrize('query', ['apikey=a+b', 'apikey=a%20b'])
def test_raw_plus_may_be_a_space(query: str, tmp_path: Path) -> None:
    keys = tmp_path / 'keys.csv'
    keys.write_text('key,account\na b,office\n')
    row = read_one(f'/x?{query}', accounts=('query:apikey',), api_keys=keys)
    assert row['user_id'] == 'office'
