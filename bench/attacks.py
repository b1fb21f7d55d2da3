"""Shared by the attacks: the valid lines that they mutate, the engine, and a loop over single inputs."""

import gzip
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from exporter.errors import ExporterError
from exporter.store import schema
from exporter.store.clickhouse import ClickHouse, connect

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / 'tests'))  # for the helpers of the tests
DOMAIN = 'data.example.org'
KEY = b'k' * 32
LOG = [
    *gzip.decompress((ROOT / 'tests' / 'data' / 'apache_access.log.gz').read_bytes()).splitlines()[:2_000],
    b'2001:db8::7 - alice [02/Nov/2026:08:30:00 +0100] "GET /api/v2.1/catalog/datasets/trees/records?apikey=k HTTP/1.1" 200 17',
    b'www.example.org - - [02/Nov/2026:08:30:00 +0100] "GET /a \\"b\\" c HTTP/1.1" 200 - "-" "say \\"hi\\""',
    b'192.0.2.1 - "" [02/Nov/2026:08:30:00 +0100] "-" 408 0 "-" "-"',
]

Attack = Callable[[int], Counter[str]]  # takes the most inputs to make, at least one; returns the count of each outcome


@contextmanager
def engine(folder: Path) -> Iterator[ClickHouse]:
    """Opens an embedded database in this process."""
    database = connect(f'chdb://{folder}/clickhouse')
    schema.apply(database)
    yield database
    database.close()


def one_by_one(mutate: Callable[[Sequence[bytes]], bytes], corpus: Sequence[bytes], meet: Callable[[bytes], str]) -> Attack:
    """Gives inputs one at a time to `meet`, which returns the outcome. Adds the input as a note to an unexpected exception."""

    def attack(_: int) -> Counter[str]:
        text = mutate(corpus)
        try:
            return Counter({meet(text): 1})
        except ExporterError as error:
            return Counter({refused(error): 1})
        except BaseException as error:  # a panic of native code is not an Exception
            error.add_note(f'input: {text[:3_000]!r}')
            raise

    return attack


def refused(error: ExporterError) -> str:
    """Returns the outcome of an error. Checks that the error is one line."""
    assert '\n' not in str(error), f'more than one line: {error!r}'
    return f'refused, {type(error).__name__}'
