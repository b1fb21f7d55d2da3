"""Requests end: with an answer, or with an error after retries, redirects, and limits of size and time."""

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Response
from portal import FakePortal, package, read_all, running

from exporter.catalogue import fetch
from exporter.errors import InputError


@pytest.fixture
def portal() -> Iterator[FakePortal]:
    with running(FakePortal()) as portal:
        portal.packages = [package(1)]
        portal.answers['sets.csv'] = Response('id,title\na,A\n', mimetype='text/csv')
        yield portal


def test_a_fault_that_passes_is_tried_again_after_the_time_that_the_server_names(portal: FakePortal) -> None:
    pauses = list[float]()
    portal.faults = [503, Response('', 429, {'Retry-After': '7'}), 502]
    assert len(read_all(f'{portal.url}/sets.csv', pauses)) == 1
    assert pauses == [1, 7, 4]


@pytest.mark.parametrize(
    ('faults', 'message'),
    [
        ([500] * 4, 'answers 500; the catalogue before it stays; run usage-exporter catalogue update again later'),
        ([Response('', 429, {'Retry-After': '100000'})], 'asks to wait 100000 seconds'),
        ([404], 'answers 404; name the address of the portal'),
        ([403], 'answers 403; give a user and a password'),
        ([Response('', 302, {'Location': '/sets.csv'}) for _ in range(9)], 'more than 5 redirects'),
        ([Response('', 302, {'Location': 'ftp://x'})], 'cannot be fetched'),
    ],
)
def test_a_fault_that_stays_is_an_error(portal: FakePortal, faults: list[int | Response], message: str) -> None:
    portal.faults = list(faults)
    with pytest.raises(InputError, match=f'^{portal.url}/sets.csv: (?:{message})'):
        read_all(f'{portal.url}/sets.csv')


def test_a_few_redirects_are_followed(portal: FakePortal) -> None:
    portal.faults = [Response('', 301, {'Location': f'{portal.url}/sets.csv'})]
    assert len(read_all(f'{portal.url}/old.csv')) == 1


def test_an_answer_above_the_limit_is_refused_also_if_it_is_packed(portal: FakePortal, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b'id,title\n' + b'a,A\n' * 1_000_000)
    portal.answers['sets.csv'] = Response(packed, mimetype='text/csv', headers={'Content-Encoding': 'gzip'})
    monkeypatch.setattr(fetch, 'LARGEST_FILE', 2 << 20)
    with pytest.raises(InputError, match='MB are more than the 2 MB that a catalogue may have; name a catalogue in pages'):
        read_all(f'{portal.url}/sets.csv')


def test_an_update_ends_in_time(portal: FakePortal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, 'LONGEST', -1)
    with pytest.raises(InputError, match=r'sets\.csv: the catalogue is not read after'):
        read_all(f'{portal.url}/sets.csv')


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """A server that sends these bytes to everyone and hangs up."""
    with socket.create_server(('127.0.0.1', 0)) as server:

        def answer_all() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)

        threading.Thread(target=answer_all, daemon=True).start()
        yield f'http://127.0.0.1:{server.getsockname()[1]}/sets.csv'


@pytest.mark.parametrize(
    ('answer', 'message'),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 99\r\n\r\nid,title\na,A\n', 'does not answer as a whole'),
        (b'HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\nid,title\na,A\n', 'the answer has no length'),
        (b'garbage', 'does not answer as a whole'),
    ],
)
def test_an_answer_that_is_cut_off_is_an_error(answer: bytes, message: str) -> None:
    with raw_server(answer) as url, pytest.raises(InputError, match=message):
        read_all(url)


def test_nobody_answers() -> None:
    with pytest.raises(InputError, match=r'^http://127\.0\.0\.1:1/\S+: does not answer'):
        read_all('http://user:secret@127.0.0.1:1')


@pytest.mark.parametrize(
    ('url', 'shown'),
    [
        ('https://user:secret@data.example.org:8443/a?apikey=secret', 'https://data.example.org:8443/a'),
        ('https://[2001:db8::1]/a#secret', 'https://[2001:db8::1]/a'),
        ('HTTPS://secret@e.org:port/', 'catalogue'),
        ('data/sets.csv', 'data/sets.csv'),
    ],
)
def test_passwords_and_parameters_are_not_shown(url: str, shown: str) -> None:
    assert fetch.show(url) == shown


@pytest.mark.parametrize('url', ['https://', 'http://secret@e.org:port/', 'https://user:secret@:80/'])
def test_an_invalid_url_is_an_error_that_does_not_show_it(url: str) -> None:
    with pytest.raises(InputError, match=r'^catalogue: the URL is invalid; write it as https://data\.example\.org$'):
        read_all(url)


def test_the_password_goes_to_the_portal_and_not_to_another_host(portal: FakePortal) -> None:
    with running(FakePortal()) as other:
        other.answers['sets.csv'] = portal.answers['sets.csv']
        elsewhere = other.url.replace('127.0.0.1', 'localhost') + '/sets.csv'
        portal.faults = [Response('', 302, {'Location': elsewhere})]
        assert len(read_all(portal.url.replace('://', '://user:secret@') + '/sets.csv')) == 1
        assert (portal.passwords, other.passwords) == (['secret'], [None])
