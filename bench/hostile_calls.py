"""Hostile calls: log lines, request bodies, whole requests. Each call must be stored, skipped or rejected, once."""

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from attacks import DOMAIN, KEY, LOG, Attack, engine, refused
from mutation import Mutator
from serving import OTHER, serving

from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.geo import open_places
from exporter.enrich.visitor import VisitorKey
from exporter.errors import InputError
from exporter.ingest.collector.body import JSON, NDJSON, decompress
from exporter.ingest.collector.calls import frame, read
from exporter.ingest.formats import Lines
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.pipeline import ParsedChunk, complete_parts, enrich, put_batches, read_parts
from exporter.model.batch import Batch
from exporter.model.tally import Tally
from exporter.server.tokens import Scope
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import store

CALLS = [
    json.dumps(call).encode()
    for call in (
        {'timestamp': '2026-11-02T08:30:00Z', 'domain': DOMAIN, 'ip': '81.2.69.160', 'path': '/api/trees', 'status': 200},
        {'timestamp': 1793608200.25, 'domain': OTHER, 'ip': '2001:db8::7', 'user_id': 'alice', 'user_agent': 'curl/8.5.0',
         'method': 'POST', 'path': '/dataset/x?id=1', 'dataset_id': 'trees', 'status': 404, 'bytes': 2**40, 'duration_ms': 1.5},
        {'timestamp': '2026-11-02T08:30:00.5+01:00', 'domain': DOMAIN, 'ip': '::ffff:192.0.2.1', 'user_id': None, 'path': 'é😀'},
    )
]  # fmt: skip
EVENT = json.dumps({'title': 'Outage', 'start': '2026-11-03T08:15', 'end': '2026-11-04', 'tags': ['a'], 'text': 'x'}).encode()
QUERY = b'domain=data.example.org&from=2026-11-01&to=2026-11-15&crawlers=true'


def enrichment() -> Enrichment:
    """Returns the enrichment of a portal whose rules use every part of a request."""
    accounts, datasets = ('user', 'query:apikey'), ('opendatasoft', 'ckan', 'query:id')
    rules = PortalRules(timezone='Europe/Paris', paths=('/*a*',), accounts=accounts, datasets=datasets)
    return Enrichment(DOMAIN, rules, open_places(None), VisitorKey(KEY, is_shared=True))


@contextmanager
def lines(dice: random.Random, folder: Path) -> Iterator[Attack]:
    """Attacks with log lines: parses them, enriches them, and stores or rejects them."""
    mutate, enriching, rejected = Mutator(dice), enrichment(), RejectStore(folder)
    seen = Counter[str]()
    with engine(folder) as database:
        ledger = Ledger(database, enriching.key_id, None)

        def attack(number: int) -> Counter[str]:
            # a change may split a line, so the end may have more lines than asked for
            texts = b'\n'.join(mutate(LOG) for _ in range(number)).split(b'\n')[:number]
            block = b'\n'.join(texts) + dice.choice((b'-', b'\n', b'\r\n'))
            summary = Counter[str]()

            def put(batch: Batch, calls: pl.DataFrame, tally: Tally) -> None:
                assert len(calls) == tally.stored
                kept = [reject for kept in rejected.batches() if kept.batch_id == batch.id for reject in kept.rejects]
                assert Counter(reject.reason for reject in kept) == tally.rejected
                assert all(block[reject.offset :].startswith(reject.text.encode(errors='surrogateescape')) for reject in kept), (
                    'a reject is not what stands in the log'
                )
                store(ledger, batch, calls, tally)
                summary.update(stored=tally.stored, skipped=sum(tally.skipped.values()), rejected=sum(tally.rejected.values()))
                rejected.remove(batch.id)

            begun = seen.total()
            batch = Batch(DOMAIN, 'access_log', 'hostile', begun, begun + number)
            pieces = [
                ParsedChunk(
                    LogReader(dice.choice(('auto', 'combined', 'common'))).read(block, datetime.now(UTC)), batch, 0, block
                )
            ]
            put_batches(complete_parts(read_parts(pieces, enriching), enriching), rejected, put)
            assert summary.total() == len(texts), f'{len(texts)} lines are {summary}'
            seen.update(summary)
            return summary

        yield attack
        found = database.query('SELECT count() AS calls FROM calls')[0]['calls']
        assert found == seen['stored'], f'{seen["stored"]} were stored, {found} are there'


@contextmanager
def bodies(dice: random.Random, folder: Path) -> Iterator[Attack]:  # noqa: ARG001  # every attack takes both
    """Attacks with elements of request bodies: decompresses, checks and enriches them. An unreadable body is one input."""
    mutate, enriching = Mutator(dice), enrichment()

    def attack(number: int) -> Counter[str]:
        form = dice.choice((JSON, NDJSON, NDJSON))
        elements = [mutate(CALLS) for _ in range(dice.randrange(1, min(number, 1_000) + 1))]
        body = b'\n'.join(elements) if form == NDJSON else b'[' + b','.join(elements[:3]) + b']'
        if dice.random() < 0.1:
            body = mutate([gzip.compress(body, 1)])
        try:
            body = decompress(body) if body.startswith(b'\x1f\x8b') else body
            taken = read(body, form, datetime.now(UTC), dice.choice(('', DOMAIN)))
        except InputError as error:
            return Counter({f'whole bodies {refused(error)}': 1})
        count = sum(1 for line in body.split(b'\n') if line.strip()) if form == NDJSON else _length(body)
        known = len(taken.calls) + len(taken.rejects)
        assert known == (count if count is not None else known), f'{count} elements are {known}'
        assert len({one.index for one in taken.rejects} & set(range(known))) == len(taken.rejects)
        added = enrich(Lines(frame(taken.calls)), enriching)
        assert len(added.calls) + len(added.skipped) == len(taken.calls)
        return Counter({'stored': len(added.calls), 'skipped': len(added.skipped), 'rejected': len(taken.rejects)})

    yield attack


def _length(body: bytes) -> int | None:
    """Returns the number of elements that another JSON reader finds; None if it cannot read the body."""
    try:
        found = json.loads(body.decode(errors='replace'))
    except (ValueError, RecursionError):
        return None
    return len(found) if isinstance(found, list) else 1


@contextmanager
def requests(dice: random.Random, folder: Path) -> Iterator[Attack]:
    """Attacks the server, the spool and the engine with whole requests and hostile headers. No 500; each call counts once."""
    mutate = Mutator(dice)
    accepted, keys = Counter[str](), set[str]()
    with engine(folder) as database, serving(folder / 'data', lambda: database, room=1 << 30) as web:
        tokens = web.token(Scope.WRITE, Scope.READ), web.token(Scope.WRITE, domain=DOMAIN)
        good = [token['Authorization'].encode() for token in tokens]

        def text(*valid: bytes) -> str:
            found = mutate(valid) if dice.random() < 0.3 else dice.choice(valid)
            return found.replace(b'\r', b'').replace(b'\n', b'').decode('latin-1')[:5_000]

        def attack(_: int) -> Counter[str]:
            nonlocal keys
            headers = {
                'Authorization': text(*good),
                'Content-Type': text(JSON.encode(), NDJSON.encode(), b'application/json; charset=utf-8'),
            }
            if dice.random() < 0.2:
                headers['Content-Encoding'] = text(b'gzip', b'identity')
            if dice.random() < 0.5:
                headers['Idempotency-Key'] = text(str(dice.randrange(1_000)).encode())
            query = mutate([QUERY]).decode('latin-1')
            match dice.randrange(10):
                case 0:
                    response = web.client.get('/v1/report', headers=headers, query_string=query)
                case 1:
                    response = web.client.post('/v1/events', headers=headers, data=mutate([EVENT]))
                case 2:
                    paths = (b'/metrics', b'/readyz', b'/v1/calls', b'/openapi.json')
                    response = web.client.open(text(*paths), method=dice.choice(('GET', 'PUT', 'HEAD')), headers=headers)
                case _:
                    some = [mutate(CALLS) for _ in range(dice.randrange(1, 6))]
                    body = b'\n'.join(some) if 'ndjson' in headers['Content-Type'] else b'[' + b','.join(some) + b']'
                    packed = gzip.compress(body, 1) if 'gzip' in headers.get('Content-Encoding', '') else body
                    response = web.client.post('/v1/calls', headers=headers, data=packed, query_string=query)
                    told = response.json or {}
                    if response.status_code == 202:
                        whose = next(
                            number for number, token in enumerate(good) if token.split()[1].decode() in headers['Authorization']
                        )
                        key = f'{whose} {headers.get("Idempotency-Key", dice.random())}'
                        accepted['calls'] += told['accepted'] if key not in keys else 0
                        keys |= {key} if told['accepted'] + told['skipped'] else set()
                    if 'rejects' in told:
                        assert told['rejected'] == len(told['rejects'])
            assert response.status_code < 500, response.text
            return Counter({f'answered {response.status_code}': 1})

        yield attack
        web.drain.empty()
        account = web.spool.balance
        found = database.query('SELECT count() AS calls FROM calls')[0]['calls']
        assert account.accepted == account.stored == found == accepted['calls'], f'{account}, {accepted}, {found} are there'
