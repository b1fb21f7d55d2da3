"""Hostile texts: user agents, settings, API keys, periods, events, SQL."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from attacks import KEY, LOG, Attack, engine, one_by_one
from calls import raw
from mutation import Mutator

from exporter.config import PortalRules, load
from exporter.enrich.agent import classify
from exporter.enrich.request import Requests
from exporter.model.call import Client, Device
from exporter.report import events
from exporter.report.period import moment, period
from exporter.store import guard
from exporter.store.url import address

AGENTS = [
    *sorted({line.split(b'"')[5] for line in LOG if line.count(b'"') == 6}),
    b'curl/8.5.0', b'python-requests/2.32', b'-', b'',
]  # fmt: skip
SETTINGS = [
    b"""timezone = 'Europe/Paris'
paths = ['/api/*', '/v2/*']
accounts = ['user', 'query:apikey']
datasets = ['ckan', 'query:id', '^/d/([^/]+)']
clickhouse_url = 'http://user:pass@127.0.0.1:8123/usage'
listen = '127.0.0.1:8093'
data_dir = 'data'
geo_database = 'none.mmdb'
spool_bytes = 2000000
keep_calls_days = 30
keep_rollups_days = 400
[domains."data.example.org"]
timezone = 'America/New_York'
api_keys = 'keys.csv'
[[follow]]
path = '/var/log/nginx/*.log'
domain = 'data.example.org'
"""
]
API_KEYS = [b'key,account\nabc,alice\n"d,e","bo""b"\nfgh,carol\n', b'account,key,more\nalice,abc,1\n']
TIMES = [
    b'2026-11-01',
    b'2026-11-02T08:30:00',
    b'2026-11-15T00:00:00+01:00',
    b'20261102',
    b'2026-W45-1',
    b'2026-11-02 08:30:00.123456Z',
]
STATEMENTS = [
    b'SELECT count() FROM calls',
    b"SELECT * FROM activity(domains=['data.example.org'], from='2026-11-01 00:00:00', to='2026-11-15 00:00:00', crawlers=0)",
    b'WITH \'a;b\' AS x SELECT x, `domain`, "path" FROM calls -- end\nWHERE status = 200 /* no; */ LIMIT 5',
    b'SHOW TABLES',
    b"SELECT uniq(visitor), toDate('2026-11-01') FROM calls GROUP BY country FORMAT JSON;",
]
TEXTS = [b'Air quality published', b'a\\b\'c"d', 'Größe 😀'.encode()]


@contextmanager
def agents(dice: random.Random, folder: Path) -> Iterator[Attack]:  # noqa: ARG001  # every attack takes both
    """Attacks with user agents, one in fifty of 100 kB. Each must have one client type and one device."""
    mutate = Mutator(dice)

    def attack(number: int) -> Counter[str]:
        texts = [mutate(AGENTS) * (1 if dice.random() < 0.98 else 1_000) for _ in range(min(number, 1_000))]
        found = classify(pl.Series([text.decode(errors='replace')[:100_000] for text in texts], dtype=pl.String))
        assert len(found) == len(texts)
        assert not sum(found.null_count().row(0))
        assert set(found['client']) <= set(Client)
        assert set(found['device']) <= set(Device)
        return Counter(found['client'].to_list())

    yield attack


@contextmanager
def settings(dice: random.Random, folder: Path) -> Iterator[Attack]:
    """Attacks with settings in TOML. Each is refused, or can be used to read a portal's requests."""
    file = folder / 'usage-exporter.toml'
    requests = raw(3)

    def meet(text: bytes) -> str:
        file.write_bytes(text)
        found = load(file)
        address(found.database_url)
        for name in ('data.example.org', *found.domains):
            assert len(Requests(found.portal(name), KEY)(requests)) == len(requests)
        return 'usable'

    (folder / 'keys.csv').write_bytes(API_KEYS[0])
    with chdir(folder):
        yield one_by_one(Mutator(dice), SETTINGS + SETTINGS[0].splitlines(keepends=True)[:11], meet)


@contextmanager
def api_keys(dice: random.Random, folder: Path) -> Iterator[Attack]:
    """Attacks with CSV files of API keys. Each is refused, or every request has an account or none."""
    file, requests = folder / 'keys.csv', raw(3).with_columns(path=pl.lit('/a?apikey=abc'))

    def meet(text: bytes) -> str:
        file.write_bytes(text)
        found = Requests(PortalRules(api_keys=file, accounts=('query:apikey',)), KEY)(requests)
        assert not found['user_id'].null_count()
        return 'usable'

    yield one_by_one(Mutator(dice), API_KEYS, meet)


@contextmanager
def texts(dice: random.Random, folder: Path) -> Iterator[Attack]:
    """Attacks with periods, events and SQL. Each is refused or accepted; an event is read back unchanged."""
    mutate, zone = Mutator(dice), ZoneInfo('Europe/Paris')
    with engine(folder) as database, closing(database.another()) as reader:

        def text(corpus: list[bytes]) -> str:
            return mutate(corpus).decode(errors=dice.choice(('replace', 'surrogateescape')))

        def time(_: bytes) -> str:
            asked = period(text(TIMES), text(TIMES), zone.key, datetime.now(UTC))
            assert asked.start < asked.end
            return 'a period'

        def event(title: bytes) -> str:
            at = moment('--start', dice.choice(TIMES).decode(), zone).begins
            domain = f'{dice.getrandbits(60):x}.example'
            new = events.Event(domain, at.replace(microsecond=0), at, title.decode(errors='replace'), text(TEXTS), [text(TEXTS)])
            events.add(database, new)
            [found] = events.read(database, domain)
            said = [one.encode(errors='replace').decode() for one in (new.title, new.text, *new.tags)]
            assert [found.title, found.text, *found.tags] == said, f'{new} came back as {found}'
            return 'an event'

        def sql(statement: bytes) -> str:
            found = guard.check(reader, statement.decode(errors='surrogateescape'))
            reader.query(found.text, readonly=1, max_execution_time=2, max_result_rows=1000)
            return 'a statement'

        attacks = [one_by_one(mutate, *kind) for kind in ((TIMES, time), (TIMES, time), (TEXTS, event), (STATEMENTS, sql))]
        yield lambda number: dice.choice(attacks)(number)
