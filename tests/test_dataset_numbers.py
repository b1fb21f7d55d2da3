"""The numbers of a portal's data sets equal an independent count, whatever names requests give them."""

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from access_logs import AGENTS, CRAWLER, DOMAIN, imported, run

from exporter.store.clickhouse import ClickHouse

CALLS, DATASETS, ZONE = 200_000, 300, ZoneInfo('Europe/Paris')
FIRST = datetime(2026, 9, 28, tzinfo=UTC)
DAYS = 40  # a whole month, and parts of two
PREFIXES = ('', '', '', '/fr', '/catalog/en', '/opendata')
REFUSED = (301, 400, 403, 404, 500)
ANSWERED = (200, 206, 304, 302, 303, 307, 308)


class Dataset(NamedTuple):
    """A data set of the catalogue, with all of its names."""

    id: str
    slug: str
    resources: tuple[str, ...]
    file: str
    publisher: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names besides the identifier."""
        return self.slug, f'{self.slug}-before', *self.resources, self.file


class Request(NamedTuple):
    """A line of the log, and what it is by the rules of the documentation."""

    moment: datetime
    ip: str
    account: str
    agent: str
    method: str
    target: str
    status: int
    size: int
    dataset: Dataset
    action: str

    @property
    def caller(self) -> str:
        """The account, else the address."""
        return self.account or self.ip

    @property
    def download(self) -> tuple[str, str, str] | None:
        """Caller, file and hour, if the request is part of a download."""
        if self.action != 'download' or self.method != 'GET' or self.status not in ANSWERED:
            return None
        file = self.target.replace('&apikey=k', '').replace('?apikey=k', '')
        return self.caller, file, f'{self.moment.astimezone(ZONE):%F %H %z}'

    @property
    def month(self) -> str:
        """The first day of the month in the portal's time zone."""
        return f'{self.moment.astimezone(ZONE):%Y-%m-01}'

    def line(self) -> str:
        """The line of the log."""
        time = f'{self.moment:%d/%b/%Y:%H:%M:%S +0000}'
        request = f'{self.method} {self.target} HTTP/1.1'
        return f'{self.ip} - {self.account or "-"} [{time}] "{request}" {self.status} {self.size} "-" "{self.agent}"\n'


def catalogue() -> list[Dataset]:
    """Data sets of some publishers; the last ten get no calls."""
    chance = random.Random(5)

    def uuid() -> str:
        return str(UUID(int=chance.getrandbits(128), version=4))

    return [
        Dataset(
            uuid(), f'set-{number}', (uuid(), uuid()), f'/files/set-{number}.csv', f'Publisher {number % 7}' if number % 9 else ''
        )
        for number in range(DATASETS)
    ]


def ways(dataset: Dataset, chance: random.Random) -> tuple[str, str]:
    """A request that names the data set, in one of the ways of a CKAN portal, and its action."""
    name, resource = chance.choice((dataset.id, dataset.slug, f'{dataset.slug}-before')), chance.choice(dataset.resources)
    sql = f'SELECT%20*%20FROM%20%22{resource}%22%20LIMIT%205'
    target, action = chance.choice(
        [
            (f'/dataset/{name}', 'page'),
            (f'/dataset/{name}/resource/{resource}', 'page'),
            (f'/api/3/action/package_show?id={name}', 'metadata'),
            (f'/api/3/action/resource_show?id={resource}', 'metadata'),
            (f'/api/3/action/datastore_search?resource_id={resource}&limit=5', 'query'),
            (f'/api/action/datastore_search_sql?sql={sql}', 'query'),
            (f'/datastore/dump/{resource}', 'download'),
            (f'/datastore/dump/{resource}?format=json', 'download'),
            (f'/dataset/{dataset.id}/resource/{resource}/download/data.csv', 'download'),
            (dataset.file, 'download'),
        ]
    )
    prefix = '' if target.startswith('/files/') else chance.choice(PREFIXES)
    return prefix + target, action


def requests(datasets: list[Dataset]) -> Iterator[Request]:
    """A year's habits in a few weeks: some data sets are asked often, and some callers ask for a file again and again."""
    chance = random.Random(11)
    number = 0
    while number < CALLS:
        dataset = datasets[int(chance.random() ** 3 * (len(datasets) - 10))]
        target, action = ways(dataset, chance)
        moment = FIRST + timedelta(seconds=chance.randrange(DAYS * 86_400))
        ip = f'198.51.{chance.randrange(4)}.{chance.randrange(250)}'
        account = chance.choice(('', '', '', '', 'anna', 'bob', 'carol'))
        agent = chance.choice(AGENTS)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            method = chance.choices(('GET', 'HEAD', 'POST'), (18, 1, 1))[0]
            status = chance.choice((*ANSWERED, *REFUSED))
            keyed = f'{target}{"&" if "?" in target else "?"}apikey=k' if chance.random() < 0.1 else target
            yield Request(moment, ip, account, agent, method, keyed, status, number % 1000, dataset, action)
            moment += timedelta(seconds=chance.randrange(600))
            number += 1


Numbers = tuple[int, ...]  # calls, queries, downloads, page views, users, errors, bytes


def numbers(group: list[Request]) -> Numbers:
    """The measures of requests, counted one by one."""
    actions = Counter(request.action for request in group)
    return (
        len(group),
        actions['query'],
        len({download for request in group if (download := request.download)}),
        actions['page'],
        len({(bool(request.account), request.caller) for request in group}),
        sum(request.status >= 400 for request in group),
        sum(request.size for request in group),
    )


@pytest.mark.slow
def test_a_log_that_names_each_data_set_in_all_ways(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> None:
    datasets = catalogue()
    settings.setenv('USAGE_TIMEZONE', ZONE.key)
    settings.setenv('USAGE_DATASETS', 'ckan')
    settings.setenv('USAGE_ACTIONS', '{"download": ["/files/*"]}')
    settings.setenv('USAGE_ACCOUNTS', 'user,query:never')
    settings.setenv('USAGE_CATALOGUE', str(tmp_path / 'catalogue.csv'))
    settings.setenv('USAGE_DOMAIN', DOMAIN)
    log = sorted(requests(datasets), key=lambda request: request.moment)
    (tmp_path / 'access.log').write_text(''.join(request.line() for request in log))
    assert imported(tmp_path / 'access.log')['stored'] == len(log)
    with (tmp_path / 'catalogue.csv').open('w', newline='') as file:  # it arrives after the calls
        rows = csv.writer(file)
        rows.writerow(['id', 'names', 'title', 'publisher', 'theme', 'created'])
        rows.writerows(
            [each.id, ' '.join(each.names), f'Title of {each.slug}', each.publisher, '', '2026-01-02'] for each in datasets
        )
    assert run('catalogue', 'update').exit_code == 0

    counted = [request for request in log if request.agent != CRAWLER or request.account]
    by_dataset, by_month, by_publisher = (defaultdict[object, list[Request]](list) for _ in range(3))
    for request in counted:
        by_dataset[request.dataset.id].append(request)
        by_month[request.month, request.dataset.id].append(request)
        by_publisher[request.dataset.publisher].append(request)

    def answer(select: str, view: str) -> dict[object, Numbers]:
        period = f"from='{FIRST:%F %T}', to='{FIRST + timedelta(days=DAYS + 1):%F %T}'"
        measures = 'calls, queries, downloads, page_views, users, errors, bytes'
        answered = database.query(f"SELECT {select}, {measures} FROM {view}(domains=['{DOMAIN}'], {period}, crawlers=0)")
        keys = select.count(',') + 1
        return {
            values[0] if keys == 1 else tuple(map(str, values[:keys])): values[keys:]
            for values in (tuple(row.values()) for row in answered)
        }

    silent = {each.id: (0,) * 7 for each in datasets[-10:]}
    assert answer('dataset_id', 'datasets') == {key: numbers(group) for key, group in by_dataset.items()} | silent
    assert answer('month, dataset_id', 'datasets_by_month') == {key: numbers(group) for key, group in by_month.items()}
    assert answer('publisher', 'publishers') == {key: numbers(group) for key, group in by_publisher.items()}
