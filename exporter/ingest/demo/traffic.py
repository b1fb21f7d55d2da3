"""Generates the calls and events of the demo's portal.

The calls of a day depend only on its date: they are the same in any order of days, as long as the releases of iptocc
and polars are the same.
"""

import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from exporter.catalogue.dataset import Dataset
from exporter.ingest.demo import catalogue, portal
from exporter.ingest.demo.portal import DOMAIN, TIMEZONE, Kind, Visitor
from exporter.model.call import SOURCE_COLUMNS

__all__ = ['DAYS', 'DOMAIN', 'TIMEZONE', 'Event', 'catalogue_of', 'day_of_calls', 'events']

DAYS = 30  # that `demo` shows, including today

ZONE = ZoneInfo(TIMEZONE)
HOUR = 3_600_000  # milliseconds
SATURDAY = 5

NEWCOMERS = 16  # new visitors on a usual weekday
SESSIONS = 740  # of anonymous visitors on a usual weekday
ACCOUNT_SESSIONS = 90  # of people with an account on a usual weekday
WEEK = (1.0, 1.03, 1.02, 0.98, 0.9, 0.26, 0.29)  # Monday to Sunday
WAKING = (6, 4, 2, 2, 2, 3, 8, 22, 48, 78, 92, 88, 46, 56, 86, 92, 84, 70, 50, 38, 34, 32, 24, 12)  # by local hour
LONGEST = 30  # calls in a person's session
LOYAL = 0.8  # share of a session's calls that request its own data set

FIRST_EVENT = date(2026, 1, 13)  # a Tuesday; every other Tuesday, before and after, has one too
EVENT_EVERY = 14  # days: the default period of 14 days always shows one
EVENT_SESSIONS = 1350  # sessions that an event adds at a rise of 1
EVENT_NEWCOMERS = 32  # new visitors that an event adds at a rise of 1
OPENING = time(9)  # when a data set is published

DATASETS = pl.Series([*portal.DATASETS.split(), *(dataset for dataset, _, _ in portal.PUBLICATIONS)])
RESOURCES = pl.Series([catalogue.resource(dataset) for dataset in DATASETS])
USUAL = len(portal.DATASETS.split())  # of these are older than any event
WORDS = pl.Series(['velo', 'arbre', 'parking', 'cantine', 'budget', 'tram', 'logement', 'eau', 'ecole', 'transport'])

LOTS = 100  # rows of each kind of caller, in the order of Kind; a request has as many rows as its share
REQUEST_LOTS = pl.DataFrame([request for request in portal.REQUESTS for _ in range(request.share)])
STATUSES = {200: 9550, 304: 160, 400: 110, 404: 140, 500: 28, 503: 12}  # with their weights
# A program that calls at intervals below HASTY milliseconds gets 429 after PATIENCE calls.
HASTY = 250
PATIENCE = 80


class Event(NamedTuple):
    """An event that explains a peak; `start` and `end` are timezone-aware."""

    start: datetime
    end: datetime
    title: str
    text: str
    tags: list[str]


class Session(NamedTuple):
    """A burst of calls from `start` on (Unix milliseconds), one every `gap` milliseconds."""

    ip: str
    user_id: str
    user_agent: str
    kind: int
    start: int
    calls: int
    gap: int
    dataset: int  # index in DATASETS of the one that most of the calls request


def events(today: date) -> list[Event]:
    """Returns the events of the demo's days up to `today`, oldest first."""
    rows = []
    for day, theme in _publications(today - timedelta(DAYS - 1), today):
        dataset, subject, text = portal.PUBLICATIONS[theme]
        start = datetime.combine(day, OPENING, ZONE)
        rows.append(Event(start, start + timedelta(3), f'New data set: {subject}', text, ['data set', dataset]))
    return rows


def catalogue_of(today: date) -> Iterator[Dataset]:
    """Yields the data sets of the portal. A data set of an event was published on the day of its last one."""
    published = dict[str, date]()
    for day, theme in _publications(today - timedelta(EVENT_EVERY * len(portal.PUBLICATIONS) - 1), today):
        published[portal.PUBLICATIONS[theme][0]] = day
        if theme < len(portal.UNNOTICED):
            published[portal.UNNOTICED[theme]] = day
    return catalogue.datasets(published)


def day_of_calls(day: date) -> pl.DataFrame:
    """Returns all calls of a local day, sorted by timestamp, with the columns and types of `SOURCE_COLUMNS`."""
    random = Random(f'{DOMAIN} {day}')
    sessions = pl.DataFrame([*_jobs(day), *_visits(day, random)])
    calls = sessions.with_columns(nth=pl.int_ranges('calls')).explode('nth')
    delay = pl.Series([random.random() for _ in range(len(calls))])
    calls = calls.with_columns(timestamp=(pl.col('start') + (pl.col('nth') + delay) * pl.col('gap')).cast(pl.Int64))
    calls = calls.filter(pl.col('timestamp') < _moment(day + timedelta(1)))
    calls = _add_responses(_add_requests(calls, day, random), random)
    calls = calls.with_columns(forwarded=pl.lit(''), host=pl.lit(''), referrer=pl.lit(''))
    return calls.select(pl.col(name).cast(type) for name, type in SOURCE_COLUMNS.items()).sort('timestamp', maintain_order=True)


def _add_requests(calls: pl.DataFrame, day: date, random: Random) -> pl.DataFrame:
    """Adds `method` and `path`, and the usual `bytes` and `milliseconds` of the request."""
    lot = calls['kind'] * LOTS + pl.Series(random.choices(range(LOTS), k=len(calls)))
    is_own = pl.Series([random.random() < LOYAL for _ in range(len(calls))])
    other_dataset = pl.Series([_popular(random) for _ in range(len(calls))])
    next_dataset = (pl.col('dataset') + pl.col('nth')) % USUAL  # a crawler walks through the catalogue
    dataset = pl.when(kind=Kind.CRAWLER).then(next_dataset).when(is_own).then('dataset').otherwise(other_dataset)
    return calls.hstack(REQUEST_LOTS[lot].select('path', 'bytes', 'milliseconds')).with_columns(
        method=pl.when(kind=Kind.PUSH).then(pl.lit('POST')).otherwise(pl.lit('GET')),
        path=pl.col('path')
        .str.replace('{dataset}', pl.lit(DATASETS).gather(dataset), literal=True)
        .str.replace('{resource}', pl.lit(RESOURCES).gather(dataset), literal=True)
        .str.replace('{word}', pl.lit(WORDS).gather(dataset % len(WORDS)), literal=True)
        .str.replace('{offset}', (pl.col('nth') * 100 % 10_000).cast(pl.String), literal=True)
        .str.replace('{day}', f'{day - timedelta(1)}', literal=True),
    )


def _add_responses(calls: pl.DataFrame, random: Random) -> pl.DataFrame:
    """Adds `status` and `duration_ms`, and varies `bytes` for each response."""
    status = pl.Series(random.choices(list(STATUSES), list(STATUSES.values()), k=len(calls)))
    large, slow = (pl.Series([random.gauss() for _ in range(len(calls))]) for _ in range(2))
    hasty = (pl.col('gap') < HASTY) & (pl.col('nth') >= PATIENCE)
    is_part = pl.col('path').str.starts_with('/files/') & (pl.col('nth') % 2 == 1) & (status == 200)  # of a file
    success, failure = pl.col('status').is_in((200, 206)), pl.col('status') >= 500
    answers = pl.when(kind=Kind.PUSH).then(200).when(hasty).then(429).when(is_part).then(206).otherwise(status)
    return calls.with_columns(status=answers).with_columns(
        bytes=pl.when(success).then(pl.col('bytes') * large.exp()).when(status=304).then(0).otherwise(210),
        duration_ms=1
        + pl.col('milliseconds') * (0.6 * slow).exp() * pl.when(success).then(1).when(failure).then(12).otherwise(0.1),
    )


def _jobs(day: date) -> Iterator[Session]:
    """Yields the sessions of the scheduled programs."""
    for job in portal.JOBS:
        if job.weekends or day.weekday() < SATURDAY:
            random = Random(f'{job.user_id} {job.user_agent}')
            ip = random.choice(portal.addresses().get(job.home, [job.home]))
            start = _moment(day, time.fromisoformat(job.start))
            gap = round(job.seconds * 1000)
            yield Session(ip, job.user_id, job.user_agent, job.kind, start, job.calls, gap, _popular(random))


def _visits(day: date, random: Random) -> Iterator[Session]:
    """Yields the sessions of people: more on weekdays, in spring and autumn, and after an event."""
    season = 1 - 0.1 * math.cos(4 * math.pi * day.timetuple().tm_yday / 365)
    level = WEEK[day.weekday()] * season * random.gauss(1, 0.04)
    published = list(_publications(day - timedelta(EVENT_EVERY * len(portal.PUBLICATIONS) - 1), day))
    rises = [level * (1.4 * math.exp(-(day - start).days / 2.2) + 0.02) for start, _ in published]
    turnout = math.sqrt(level)  # on a quiet day fewer visitors come, with fewer sessions each
    anonymous, people = (
        [visitor for visitor in group if random.random() < visitor.presence * turnout] for group in portal.population()
    )
    anonymous += [portal.visitor(random) for _ in range(round(NEWCOMERS * level + EVENT_NEWCOMERS * sum(rises)))]
    midnight = _moment(day)
    yield from _bursts(day, random, anonymous, round(SESSIONS * level), midnight)
    yield from _bursts(day, random, people, round(ACCOUNT_SESSIONS * level), midnight)
    for (start, theme), rise in zip(published, rises, strict=True):
        since = max(midnight, _moment(start, OPENING))
        yield from _bursts(day, random, anonymous, round(EVENT_SESSIONS * rise), since, USUAL + theme)


def _bursts(
    day: date, random: Random, visitors: list[Visitor], count: int, since: int, dataset: int | None = None
) -> Iterator[Session]:
    """Yields `count` sessions of `visitors` from `since` to midnight, for `dataset` or for a random one each."""
    hours = range(since, _moment(day + timedelta(1)), HOUR)  # 23 or 25 hours when the clocks change
    waking = [WAKING[datetime.fromtimestamp(hour / 1000, ZONE).hour] for hour in hours]
    callers = random.choices(visitors, [visitor.weight for visitor in visitors], k=count) if visitors else []
    for caller, hour in zip(callers, random.choices(hours, waking, k=len(callers)), strict=True):
        start = hour + random.randrange(HOUR)
        calls = min(LONGEST, 1 + int(random.expovariate(1 / 8)))
        gap = random.randint(1000, 20_000) if caller.kind == Kind.BROWSER else random.randint(HASTY, 3000)
        session_dataset = _popular(random) if dataset is None else dataset
        yield Session(caller.ip, caller.user_id, caller.user_agent, caller.kind, start, calls, gap, session_dataset)


def _publications(first: date, last: date) -> Iterator[tuple[date, int]]:
    """Yields the days from `first` to `last` on which a data set is published, with its index in PUBLICATIONS."""
    day = first + timedelta((FIRST_EVENT - first).days % EVENT_EVERY)
    while day <= last:
        yield day, (day - FIRST_EVENT).days // EVENT_EVERY % len(portal.PUBLICATIONS)
        day += timedelta(EVENT_EVERY)


def _moment(day: date, at: time = time()) -> int:
    """Returns a local time in Unix milliseconds."""
    return round(datetime.combine(day, at, ZONE).timestamp() * 1000)


def _popular(random: Random) -> int:
    """Draws a data set: the nth is requested about 1 / n as often as the first (Zipf's law)."""
    return int((USUAL + 1) ** random.random()) - 1
