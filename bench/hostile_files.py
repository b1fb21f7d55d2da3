"""Hostile files: spool files, MMDB files, compressed logs. Each must be refused, or used up to the damage."""

import bz2
import gzip
import lzma
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import xxhash
from attacks import DOMAIN, LOG, ROOT, Attack, one_by_one
from calls import calls
from mutation import Mutator

from exporter.enrich.geo import GEOIP2, open_places, open_python_reader
from exporter.errors import InputError
from exporter.ingest.logs.log_file import LogFile
from exporter.model.batch import Batch
from exporter.model.tally import Tally
from exporter.spool.segment import LENGTHS, MAGIC, IdempotencyKey, read_records
from exporter.spool.spool import Spool

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PLACES = (ROOT / 'tests' / 'data' / 'GeoLite2-City-Test.mmdb').read_bytes()
ADDRESSES = pl.Series(['81.2.69.160', '89.160.20.112', '2001:218::1', '::1', '0.0.0.0', '', 'localhost'])
PACK: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, bz2.compress, lzma.compress, zstd.compress)


@contextmanager
def spools(dice: random.Random, folder: Path) -> Iterator[Attack]:
    """Attacks with spool files. The spool must use the calls before the damage, and deliver or quarantine every call."""
    first = Spool(folder / 'first', 1 << 30, 'key', None)
    of_log = Batch(DOMAIN, 'access_log', 'abc:1024', 0, 5_000, 'access.log')
    first.put(of_log, calls(DOMAIN, 9), Tally(9, {'path': 1}, {'format': 2}))
    for number in range(3):
        first.append(calls(DOMAIN, 4, number), {DOMAIN: Tally(4)}, [IdempotencyKey('', f'k{number}', 'ff', {'accepted': 4})])
    [batch], [segment] = first.directory.glob('*.batch'), first.directory.glob('*.open')
    whole = {path.read_bytes(): list(read_records(path)) for path in (batch, segment)}

    def meet(text: bytes) -> str:
        directory = folder / f'spool-{dice.getrandbits(64)}'
        directory.mkdir()
        (directory / f'{7:020}.{dice.choice(("batch", "open"))}').write_bytes(text)
        spool = Spool(directory, 1 << 30, 'key', None)
        known = max(sum(f.header.calls for f in found if text[: f.end] == valid[: f.end]) for valid, found in whole.items())
        waiting, taken = spool.balance.waiting, 0
        assert waiting >= known, f'{known} calls stand before the damage, {waiting} are taken up'
        while file := spool.oldest():
            try:
                taken += sum(len(spooled.calls) for spooled in file.batches(spool.log))
                spool.done(file)
            except InputError:
                spool.set_aside(file)
        account = spool.balance
        assert (account.accepted, account.stored, account.waiting) == (waiting, taken, 0), account
        spool.close()
        return (
            'set aside' if len(list(directory.glob('quarantine/*'))) else 'whole' if text in whole else 'whole up to the damage'
        )

    mutate, content = Mutator(dice), batch.read_bytes()

    def some(corpus: Sequence[bytes]) -> bytes:
        """Returns a damaged file; one time in ten, one with an invalid header or Arrow stream and a correct hash."""
        if dice.random() < 0.9:
            return mutate(corpus)
        start = whole[content][0].start
        head, body = content[LENGTHS.size : start], content[start:]
        head, body = (mutate([head]), body) if dice.random() < 0.3 else (head, mutate([body]))
        return LENGTHS.pack(MAGIC, len(head), len(body), xxhash.xxh3_64_intdigest(head + body)) + head + body

    yield one_by_one(some, list(whole), meet)


@contextmanager
def places(dice: random.Random, folder: Path) -> Iterator[Attack]:
    """Attacks with MMDB files. Each is refused, or both readers answer for every address."""
    file = folder / 'places.mmdb'

    def meet(text: bytes) -> str:
        file.write_bytes(text)
        opened = open_places(file)
        for reader in (opened, replace(opened, find=open_python_reader(file, GEOIP2))):
            found = reader.locate(ADDRESSES)
            assert found.shape == (len(ADDRESSES), 4)
            assert not sum(found.null_count().row(0))
        return 'answers'

    half = PLACES[: len(PLACES) // 2]
    marker = PLACES.rindex(b'\xab\xcd\xefMaxMind.com')
    mutate = Mutator(dice)

    def some(corpus: Sequence[bytes]) -> bytes:
        """Returns a file with random changes, or with a few changed bytes in the metadata, in the tree or anywhere."""
        if dice.random() < 0.2:
            return mutate(corpus)
        text = bytearray(PLACES)
        start, end = dice.choice(((marker, len(PLACES)), (0, len(half)), (0, len(PLACES))))
        for _ in range(dice.randrange(1, 40)):
            text[dice.randrange(start, end)] = dice.randrange(256)
        return bytes(text)

    yield one_by_one(some, [PLACES], meet)


@contextmanager
def packed_logs(dice: random.Random, folder: Path) -> Iterator[Attack]:
    """Attacks with compressed logs. Each is refused, or read up to the cut."""
    log = b'\n'.join(LOG[:200]) + b'\n'
    file = folder / 'access.log.gz'

    def meet(text: bytes) -> str:
        file.write_bytes(text)
        opened = LogFile(str(file))
        try:
            content = opened.read(0, 100 * len(log))
            assert opened.read(0, 100 * len(log)) == content
            if opened.damage:
                return 'cut short'
            return 'whole' if content == log else 'something else, whole'
        finally:
            opened.close()

    yield one_by_one(Mutator(dice), [pack(log) for pack in PACK], meet)
