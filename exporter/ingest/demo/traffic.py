"""The demo's source: the calls that the made-up portal of `demo_portal` answers, for anyone to look at for years.

A day's calls are drawn from its date alone: the same rows whenever and in whatever order days are asked, as long as
the releases of iptocc and polars are the same.
"""

import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from exporter.ingest.demo import portal as portal
from exporter.ingest.demo.portal import DOMAIN, TIMEZONE, Kind, Visitor
from exporter.model.call import RAW

__all__ = ['DAYS', 'DOMAIN', 'TIMEZONE', 'Event', 'day_of_calls', 'events']

DAYS = 30  # what `demo` shows, today included

ZONE = ZoneInfo(TIMEZONE)
HOUR = 3_600_000  # milliseconds
SATURDAY = 5

NEWCOMERS = 16  # visitors a usual weekday brings who were never seen before
SESSIONS = 740  # of anonymous visitors on a usual weekday
ACCOUNT_SESSIONS = 90  # of people with an account, likewise
WEEK = (1.0, 1.03, 1.02, 0.98, 0.9, 0.26, 0.29)  # Monday to Sunday
WAKING = (6, 4, 2, 2, 2, 3, 8, 22, 48, 78, 92, 88, 46, 56, 86, 92, 84, 70, 50, 38, 34, 32, 24, 12)  # by local hour
LONGEST = 30  # calls in a person's session
LOYAL = 0.8  # of a session's calls ask its own data set

FIRST_EVENT = date(2026, 1, 13)  # a Tuesday; every other Tuesday, before and after, has one too
EVENT_EVERY = 14  # days: the default period of 14 days always shows one
EVENT_SESSIONS = 1350  # that an event's rise of 1 adds
EVENT_NEWCOMERS = 32  # likewise
OPENING = time(9)  # when a data set is published

DATASETS = pl.Series([*portal.DATASETS.split(), *(dataset for dataset, _, _ in portal.PUBLICATIONS)])
USUAL = len(portal.DATASETS.split())  # of these are older than any event
WORDS = pl.Series(['velo', 'arbre', 'parking', 'cantine', 'budget', 'tram', 'logement', 'eau', 'ecole', 'transport'])

LOTS = 100  # of each kind of caller, kind after kind: a request has as many as its share
REQUEST_LOTS = pl.DataFrame([request for request in portal.REQUESTS for _ in range(request.share)])
STATUSES = {200: 9550, 304: 160, 400: 110, 404: 140, 500: 28, 503: 12}  # and how often
HASTY = 250  # milliseconds: to a program that calls more often
PATIENCE = 80  # and has been answered so many calls, the portal says 429


class Event(NamedTuple):
    """Something that explains a peak; `start` and `end` know their time zone."""

    start: datetime
    end: datetime
    title: str
    text: str
    tags: list[str]


class Session(NamedTuple):
    """A burst of calls from `start` on (Unix milliseconds), one in every `gap` milliseconds."""

    ip: str
    user_id: str
    user_agent: str
    kind: int
    start: int
    calls: int
    gap: int
    dataset: int  # of DATASETS, which most of the calls ask


def events(today: date) -> list[Event]:
    """The events of the demo's days up to `today`, oldest first."""
    found = []
    for day, theme in _publications(today - timedelta(DAYS - 1), today):
        dataset, subject, text = portal.PUBLICATIONS[theme]
        start = datetime.combine(day, OPENING, ZONE)
        found.append(Event(start, start + timedelta(3), f'New data set: {subject}', text, ['data set', dataset]))
    return found


def day_of_calls(day: date) -> pl.DataFrame:
    """All calls of a local day, by timestamp, as a source hands them on: the columns and types of `RAW`."""
    random = Random(f'{DOMAIN} {day}')
    sessions = pl.DataFrame([*_jobs(day), *_visits(day, random)])
    calls = sessions.with_columns(nth=pl.int_ranges('calls')).explode('nth')
    late = pl.Series([random.random() for _ in range(len(calls))])
    calls = calls.with_columns(timestamp=(pl.col('start') + (pl.col('nth') + late) * pl.col('gap')).cast(pl.Int64))
    calls = calls.filter(pl.col('timestamp') < _moment(day + timedelta(1)))
    calls = _answered(_asked(calls, day, random), random)
    return calls.select(pl.col(name).cast(type) for name, type in RAW.items()).sort('timestamp', maintain_order=True)


def _asked(calls: pl.DataFrame, day: date, random: Random) -> pl.DataFrame:
    """Adds `method` and `path`, and what is usual for them: `bytes` and `milliseconds`."""
    lot = calls['kind'] * LOTS + pl.Series(random.choices(range(LOTS), k=len(calls)))
    loyal = pl.Series([random.random() < LOYAL for _ in range(len(calls))])
    another = pl.Series([_popular(random) for _ in range(len(calls))])
    next_one = (pl.col('dataset') + pl.col('nth')) % USUAL  # a crawler walks through the catalogue
    dataset = pl.when(kind=Kind.CRAWLER).then(next_one).when(loyal).then('dataset').otherwise(another)
    return calls.hstack(REQUEST_LOTS[lot].select('path', 'bytes', 'milliseconds')).with_columns(
        method=pl.when(kind=Kind.PUSH).then(pl.lit('POST')).otherwise(pl.lit('GET')),
        path=pl.col('path')
        .str.replace('{dataset}', pl.lit(DATASETS).gather(dataset), literal=True)
        .str.replace('{word}', pl.lit(WORDS).gather(dataset % len(WORDS)), literal=True)
        .str.replace('{offset}', (pl.col('nth') * 100 % 10_000).cast(pl.String), literal=True)
        .str.replace('{day}', f'{day - timedelta(1)}', literal=True),
    )


def _answered(calls: pl.DataFrame, random: Random) -> pl.DataFrame:
    """Adds `status` and `duration_ms`, and makes the usual `bytes` those of this answer."""
    status = pl.Series(random.choices(list(STATUSES), list(STATUSES.values()), k=len(calls)))
    large, slow = (pl.Series([random.gauss() for _ in range(len(calls))]) for _ in range(2))
    hasty = (pl.col('gap') < HASTY) & (pl.col('nth') >= PATIENCE)
    found, broken = pl.col('status') == 200, pl.col('status') >= 500
    return calls.with_columns(status=pl.when(kind=Kind.PUSH).then(200).when(hasty).then(429).otherwise(status)).with_columns(
        bytes=pl.when(found).then(pl.col('bytes') * large.exp()).when(status=304).then(0).otherwise(210),
        duration_ms=1 + pl.col('milliseconds') * (0.6 * slow).exp() * pl.when(found).then(1).when(broken).then(12).otherwise(0.1),
    )


def _jobs(day: date) -> Iterator[Session]:
    """What programs do by themselves, day after day."""
    for job in portal.JOBS:
        if job.weekends or day.weekday() < SATURDAY:
            random = Random(f'{job.user_id} {job.user_agent}')
            ip = random.choice(portal.addresses().get(job.home, [job.home]))
            start = _moment(day, time.fromisoformat(job.start))
            gap = round(job.seconds * 1000)
            yield Session(ip, job.user_id, job.user_agent, job.kind, start, job.calls, gap, _popular(random))


def _visits(day: date, random: Random) -> Iterator[Session]:
    """What people and their programs do: more on weekdays, in spring and autumn, and after an event."""
    season = 1 - 0.1 * math.cos(4 * math.pi * day.timetuple().tm_yday / 365)
    level = WEEK[day.weekday()] * season * random.gauss(1, 0.04)
    published = list(_publications(day - timedelta(EVENT_EVERY * len(portal.PUBLICATIONS) - 1), day))
    rises = [level * (1.4 * math.exp(-(day - start).days / 2.2) + 0.02) for start, _ in published]
    seen = math.sqrt(level)  # on a quiet day fewer come, and each asks less
    anonymous, people = ([one for one in group if random.random() < one.presence * seen] for group in portal.population())
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
    """`count` sessions of `visitors` from `since` to midnight, all about `dataset` or each about its own."""
    hours = range(since, _moment(day + timedelta(1)), HOUR)  # the real ones: 23 or 25 when the clocks change
    waking = [WAKING[datetime.fromtimestamp(hour / 1000, ZONE).hour] for hour in hours]
    callers = random.choices(visitors, [one.weight for one in visitors], k=count) if visitors else []
    for caller, hour in zip(callers, random.choices(hours, waking, k=len(callers)), strict=True):
        start = hour + random.randrange(HOUR)
        calls = min(LONGEST, 1 + int(random.expovariate(1 / 8)))
        gap = random.randint(1000, 20_000) if caller.kind == Kind.BROWSER else random.randint(HASTY, 3000)
        about = _popular(random) if dataset is None else dataset
        yield Session(caller.ip, caller.user_id, caller.user_agent, caller.kind, start, calls, gap, about)


def _publications(first: date, last: date) -> Iterator[tuple[date, int]]:
    """The days from `first` to `last` on which a data set is published, each with its place in PUBLICATIONS."""
    day = first + timedelta((FIRST_EVENT - first).days % EVENT_EVERY)
    while day <= last:
        yield day, (day - FIRST_EVENT).days // EVENT_EVERY % len(portal.PUBLICATIONS)
        day += timedelta(EVENT_EVERY)


def _moment(day: date, at: time = time()) -> int:
    """That local time, in Unix milliseconds."""
    return round(datetime.combine(day, at, ZONE).timestamp() * 1000)


def _popular(random: Random) -> int:
    """A data set: the nth is asked about 1 / n as often as the first (Zipf's law)."""
    return int((USUAL + 1) ** random.random()) - 1
