"""An answer means that the calls are on the disk; a key counts once; small requests share an fsync."""

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from calls import KEY

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.errors import KeyInUse, KeyReused, SpoolFull
from exporter.ingest.collector.body import JSON
from exporter.ingest.collector.calls import read
from exporter.ingest.collector.group_commit import Answer, GroupCommit, Request
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.spool import Spool

PORTAL, OTHER = 'data.example.org', 'open.example.net'
RULES = {PORTAL: PortalRules(), OTHER: PortalRules(paths=('/api/*',))}


def enrichment(domain: str) -> Enrichment:
    return Enrichment(domain, RULES[domain], open_places(None), VisitorKey(KEY, is_shared=True))


@contextmanager
def an_intake(folder: Path, room: int = 10 << 20) -> Iterator[GroupCommit]:
    spool = Spool(folder / 'spool', room, 'key', None)
    with GroupCommit(spool, IdempotencyKeys(folder / 'keys.sqlite', spool.keys()), enrichment) as intake:
        yield intake
    spool.close()


def request(*paths: str, key: str | None = None, domain: str = PORTAL, scope: str = 'token', **options: object) -> Request:
    calls = [{'timestamp': 1_793_491_200, 'domain': domain, 'ip': '192.0.2.7', 'path': path, **options} for path in paths]
    body = json.dumps(calls).encode()
    elements = read(body, JSON, datetime.now(UTC))
    return Request(elements.calls, elements.rejects, key, scope, hashlib.sha256(body).digest())


def spooled(intake: GroupCommit) -> list[str]:
    """Returns the paths of all calls in the spool."""
    intake.spool.seal()
    result = list[str]()
    while file := intake.spool.oldest():
        for part in file.batches(intake.spool.log):
            result += part.calls['path'].to_list()
        intake.spool.done(file)
    return sorted(result)


def test_answer_means_calls_are_on_the_disk(tmp_path: Path) -> None:
    with an_intake(tmp_path) as intake:
        assert intake.accept(request('/a', '/b')) == Answer(2, 0, 0, [])
        shutil.copytree(tmp_path, tmp_path / 'later', ignore=shutil.ignore_patterns('later'))  # as a kill leaves it
    with an_intake(tmp_path / 'later') as later:
        assert spooled(later) == ['/a', '/b']


def test_answer_counts_each_call(tmp_path: Path) -> None:
    with an_intake(tmp_path) as intake:
        some = request('/api/1', '/about', '/api/2', domain=OTHER)
        answer = intake.accept(some)
        assert (answer.accepted, answer.skipped, answer.rejected) == (2, 1, 0)
        body = b'[{"timestamp": 1793491200, "domain": "data.example.org", "ip": "192.0.2.7"}, {"ip": "x"}, 7]'
        elements = read(body, JSON, datetime.now(UTC))
        answer = intake.accept(Request(elements.calls, elements.rejects, None, '', b''))
        assert (answer.accepted, answer.skipped, answer.rejected) == (1, 0, 2)
        assert [refusal.index for refusal in answer.rejects] == [1, 2]
        intake.spool.seal()
        file = intake.spool.oldest()
        assert file
        mine, other = file.batches(intake.spool.log)
        assert (mine.tally.stored, other.tally.stored, other.tally.skipped) == (1, 2, {'path': 1})
        assert sum(mine.tally.rejected.values()) == 2
        assert [json.loads(reject.text) for reject in mine.rejects] == [{'ip': 'x'}, 7]
        assert len({reject.offset for reject in mine.rejects}) == 2


def test_concurrent_requests_get_their_own_answers(tmp_path: Path) -> None:
    sizes = [1 + n % 7 for n in range(60)]
    with an_intake(tmp_path) as intake, ThreadPoolExecutor(20) as clients:
        requests = [request(*(f'/api/{n}/{i}' for i in range(size)), '/about', domain=OTHER) for n, size in enumerate(sizes)]
        answers = list(clients.map(intake.accept, requests))
        assert [(answer.accepted, answer.skipped) for answer in answers] == [(size, 1) for size in sizes]
        assert all(answer.skipped_by_reason == {'path': 1} for answer in answers)
        assert spooled(intake) == sorted(f'/api/{n}/{i}' for n, size in enumerate(sizes) for i in range(size))


def test_many_small_requests_share_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = 0
    sync = os.fdatasync

    def slow(file: int) -> None:
        nonlocal synced
        synced += 1
        time.sleep(0.05)
        sync(file)

    monkeypatch.setattr(os, 'fdatasync', slow)
    with an_intake(tmp_path) as intake, ThreadPoolExecutor(50) as clients:
        list(clients.map(intake.accept, [request(f'/{n}') for n in range(50)]))
        assert intake.spool.balance.accepted == 50
    assert synced <= 25


def test_repeated_key_counts_once_and_gets_the_same_answer(tmp_path: Path) -> None:
    with an_intake(tmp_path) as intake:
        first = intake.accept(request('/a', key='once'))
        assert intake.accept(request('/a', key='once')) == first
        with pytest.raises(KeyReused, match='with a different body'):
            intake.accept(request('/b', key='once'))
        assert intake.accept(request('/a', key='once', scope='another')) == first
        assert intake.accept(request('/a')) == first
    with an_intake(tmp_path) as later:  # before it is stored
        assert later.accept(request('/a', key='once')) == first
        with pytest.raises(KeyReused):
            later.accept(request('/b', key='once'))
        assert spooled(later) == ['/a', '/a', '/a']


def test_key_in_progress_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    sync = os.fdatasync

    def held(file: int) -> None:
        begun.set()
        assert go_on.wait(30)
        sync(file)

    monkeypatch.setattr(os, 'fdatasync', held)
    with an_intake(tmp_path) as intake, ThreadPoolExecutor(1) as client:
        first = client.submit(intake.accept, request('/a', key='once'))
        assert begun.wait(30)
        with pytest.raises(KeyInUse, match='still in progress; send the request again later'):
            intake.accept(request('/a', key='once'))
        go_on.set()
        assert intake.accept(request('/b', key='another')).accepted == 1
        assert intake.accept(request('/a', key='once')) == first.result()
        assert spooled(intake) == ['/a', '/b']


def no_room(*_: object) -> None:
    raise OSError(28, 'No space left on device')


@pytest.mark.parametrize('call', ['pwrite', 'fdatasync'])
def test_full_disk_refuses_the_request_and_it_can_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with an_intake(tmp_path) as intake:
        intake.accept(request('/a', key='first'))
        with monkeypatch.context() as full:
            full.setattr(os, call, no_room)
            with pytest.raises(OSError, match='No space left'):
                intake.accept(request('/b', key='once'))
        assert intake.accept(request('/b', key='once')).accepted == 1
        assert spooled(intake) == ['/a', '/b']


def test_full_spool_refuses_until_there_is_room(tmp_path: Path) -> None:
    with an_intake(tmp_path, 100_000) as intake:
        accepted = 0
        with pytest.raises(SpoolFull):
            for n in range(1_000):
                intake.accept(request(f'/{n:03}', key=str(n)))
                accepted += 1
        assert 0 < accepted < 1_000
        assert spooled(intake) == [f'/{n:03}' for n in range(accepted)]
        assert intake.accept(request(f'/{accepted:03}', key=str(accepted))).accepted == 1


def test_request_without_calls_stores_nothing(tmp_path: Path) -> None:
    with an_intake(tmp_path) as intake:
        answer = intake.accept(request('/a', ip='nobody', key='once'))
        assert (answer.accepted, answer.rejected) == (0, 1)
        assert intake.spool.balance.accepted == 0
        assert intake.keys.find('token', 'once') is None


@pytest.mark.parametrize('number', [0, 1, 1_000])
def test_numbers_of_an_answer_add_up(tmp_path: Path, number: int) -> None:
    with an_intake(tmp_path) as intake:
        answer = intake.accept(request(*(f'/{n}' for n in range(number))))
        assert answer.accepted == number


def test_exit_waits_for_requests_in_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fdatasync

    def slow(file: int) -> None:
        time.sleep(0.3)
        sync(file)

    monkeypatch.setattr(os, 'fdatasync', slow)
    with ThreadPoolExecutor(4) as clients:
        with an_intake(tmp_path) as intake:
            answers = [clients.submit(intake.accept, request(f'/{n}')) for n in range(4)]
            time.sleep(0.1)
        assert [answer.result(1).accepted for answer in answers] == [1, 1, 1, 1]
