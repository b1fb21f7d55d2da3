"""The demo's source: the calls of `demo.example.org`, a made-up city's portal that anyone can look at for years.

A day's calls are drawn from the date alone, so the same day is the same rows whenever and in whatever order it is
asked. Addresses are random public ones, picked by the country that iptocc's table gives them: with another release
of that table (or of polars) some may change. Nobody real is meant by a name or an address.
"""

import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from itertools import accumulate
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import iptocc
import polars as pl

from exporter.call import RAW

DOMAIN = 'demo.example.org'
TIMEZONE = 'Europe/Paris'
DAYS = 30  # what `demo` shows, today included

ZONE = ZoneInfo(TIMEZONE)
REGULARS = 450  # anonymous visitors who come back
NEWCOMERS = 20  # visitors a usual weekday brings who were never seen before
SESSIONS = 740  # of anonymous visitors on a usual weekday
ACCOUNT_SESSIONS = 90  # of people with an account, likewise
WEEK = (1.0, 1.03, 1.02, 0.98, 0.9, 0.26, 0.29)  # Monday to Sunday
WAKING = (6, 4, 2, 2, 2, 3, 8, 22, 48, 78, 92, 88, 46, 56, 86, 92, 84, 70, 50, 38, 34, 32, 24, 12)  # by local hour
LONGEST = 30  # calls in one session
LOYAL = 0.8  # of a session's calls ask its own data set
HASTY = 250  # milliseconds between calls below which the portal answers 429 to a good part
STATUSES = {200: 9550, 304: 160, 400: 110, 404: 140, 500: 28, 503: 12}  # in 10,000 calls

HOUR = 3_600_000  # milliseconds
SATURDAY = 5
IPV6_BLOCKS = (0x2A0, 0x260)  # 2a00::/12, most of Europe, and 2600::/12, North America

FIRST_EVENT = date(2026, 1, 13)  # a Tuesday; every other Tuesday, before and after, has one too
EVENT_EVERY = 14  # days: the default period of 14 days always shows one
EVENT_SESSIONS = 1350  # that an event's rise of 1 adds
EVENT_NEWCOMERS = 40  # likewise
OPENING = time(9)  # when it is published


class Event(NamedTuple):
    """Something that explains a peak; `start` and `end` know their time zone."""

    start: datetime
    end: datetime
    title: str
    text: str
    tags: list[str]


class Kind(IntEnum):
    """What a caller is; decides what it asks for."""

    BROWSER = 0
    PROGRAM = 1
    CRAWLER = 2
    PUSH = 3


class Visitor(NamedTuple):
    """Someone who calls: `presence` is the probability to be seen on a usual weekday, `weight` how much is asked."""

    ip: str
    user_id: str
    user_agent: str
    kind: Kind
    presence: float
    weight: float


class Session(NamedTuple):
    """A burst of calls from `start` on (Unix milliseconds), one every `gap` ms, each late by up to `jitter` ms."""

    ip: str
    user_id: str
    user_agent: str
    kind: int
    start: int
    calls: int
    gap: int
    jitter: int
    dataset: int  # of ALL_DATASETS, which most of the calls ask


class Job(NamedTuple):
    """A program that calls by the clock; `home` is a country or an address of the portal's own machines."""

    user_id: str
    home: str
    kind: Kind
    user_agent: str
    start: str  # local time
    calls: int  # those past midnight are not made
    seconds: float  # from one call to the next
    weekends: bool = True


class Request(NamedTuple):
    """What a kind of caller asks in `share` of 100 calls, with the usual size and time of the answer."""

    kind: Kind
    share: int
    path: str
    bytes: int
    milliseconds: int


# The most asked first.
DATASETS = """
    velos-disponibilite-temps-reel transports-prochains-passages stationnement-parkings-places arbres-alignement
    equipements-publics adresses-base-locale menus-cantines-scolaires population-quartiers permis-de-construire
    marches-publics-attribues lignes-tramway-trace arrets-transport-en-commun pistes-cyclables toilettes-publiques
    fontaines-a-boire prenoms-des-nouveau-nes budget-principal-execution subventions-associations aires-de-jeux
    parcs-et-jardins bornes-recharge-electrique composteurs-collectifs points-apport-volontaire dechetteries-horaires
    travaux-voirie-en-cours accidents-corporels zones-a-faibles-emissions comptage-routier-capteurs
    elections-resultats-bureaux bureaux-de-vote-perimetres plan-local-urbanisme-zonage cadastre-parcelles
    batiments-hauteurs ilots-de-fraicheur consommation-energie-batiments production-solaire-toitures
    bibliotheques-prets piscines-frequentation musees-entrees agenda-culturel marches-forains commerces-vacants
    deliberations-conseil-municipal eau-potable-analyses defibrillateurs wifi-public-points-acces
"""

# An event's data set, what it holds and why it drew people; they take turns.
PUBLICATIONS = (
    ('qualite-air-horaire', 'air quality, hour by hour', 'Twelve stations, five pollutants; in the regional press.'),
    ('comptages-velos-horaires', 'bicycle counts', 'Sixty counters on the cycle network; announced by the town hall.'),
    ('loyers-de-reference', 'reference rents by district', 'Median rents by size and age; in the national press.'),
    ('bruit-cartes-strategiques', 'noise maps', 'Roads, railways, industry, in decibels; shown at a public meeting.'),
    ('ecoles-secteurs-scolaires', 'school catchment areas', 'Which school for which address; sent to every family.'),
    ('canopee-urbaine-lidar', 'tree cover from the air', 'Crowns and heights of 240,000 trees; used at a hackathon.'),
)
ALL_DATASETS = pl.Series([*DATASETS.split(), *(dataset for dataset, _, _ in PUBLICATIONS)])
USUAL = len(DATASETS.split())  # of these are older than any event

# Where visitors live: HOME of them in the first, fewer and fewer in the others.
COUNTRIES = """
    FR BE DE US CH GB ES IT CA NL MA PT LU TN DZ PL IE SE CI SN AT RO CZ IN BR NO DK FI JP CN TR UA GR HU AU SG KR AR MX
    CO CL ZA EG VN ID CM NZ NG IL AE MU MG PE
"""
HOME = 0.55

CATALOG = '/api/explore/v2.1/catalog/datasets'
RECORDS = CATALOG + '/{dataset}/records'
EXPORTS = CATALOG + '/{dataset}/exports'
REQUESTS = (
    Request(Kind.BROWSER, 32, RECORDS + '?limit=20&offset={offset}&lang=fr&timezone=Europe%2FParis', 9_000, 45),
    Request(Kind.BROWSER, 12, RECORDS + '?select=count(*)%20as%20total&group_by=commune&limit=50', 2_200, 70),
    Request(Kind.BROWSER, 17, '/explore/dataset/{dataset}/table/', 38_000, 120),
    Request(Kind.BROWSER, 10, '/explore/dataset/{dataset}/information/', 31_000, 95),
    Request(Kind.BROWSER, 8, '/explore/dataset/{dataset}/map/?location=13,45.18,5.72', 64_000, 160),
    Request(Kind.BROWSER, 9, '/explore/?q={word}&sort=modified', 52_000, 210),
    Request(Kind.BROWSER, 7, CATALOG + '?where=search(%22{word}%22)&limit=20', 24_000, 90),
    Request(Kind.BROWSER, 3, EXPORTS + '/csv?lang=fr&use_labels=true&delimiter=%3B', 900_000, 1_400),
    Request(Kind.BROWSER, 2, EXPORTS + '/xlsx?lang=fr', 700_000, 2_600),
    Request(Kind.PROGRAM, 40, RECORDS + '?limit=100&offset={offset}', 41_000, 65),
    Request(Kind.PROGRAM, 22, RECORDS + '?where=date%3E%3Ddate%27{day}%27&order_by=date%20desc&limit=100', 33_000, 80),
    Request(Kind.PROGRAM, 5, '/api/records/1.0/search/?dataset={dataset}&rows=100&start={offset}', 47_000, 110),
    Request(Kind.PROGRAM, 8, EXPORTS + '/json?timezone=UTC', 1_300_000, 1_700),
    Request(Kind.PROGRAM, 6, EXPORTS + '/csv', 1_000_000, 1_300),
    Request(Kind.PROGRAM, 5, EXPORTS + '/geojson?where=in_bbox(geo_point_2d%2C45.1%2C5.6%2C45.3%2C5.8)', 600_000, 900),
    Request(Kind.PROGRAM, 2, EXPORTS + '/parquet', 2_400_000, 2_200),
    Request(Kind.PROGRAM, 7, CATALOG + '/{dataset}', 6_500, 30),
    Request(Kind.PROGRAM, 5, CATALOG + '?limit=100&offset={offset}', 180_000, 240),
    Request(Kind.CRAWLER, 62, '/explore/dataset/{dataset}/information/', 31_000, 95),
    Request(Kind.CRAWLER, 18, '/explore/dataset/{dataset}/table/', 38_000, 120),
    Request(Kind.CRAWLER, 12, '/explore/?q={word}', 52_000, 210),
    Request(Kind.CRAWLER, 5, '/explore/dataset/{dataset}/export/', 29_000, 90),
    Request(Kind.CRAWLER, 3, '/robots.txt', 420, 4),
    Request(Kind.PUSH, 100, '/api/push/1.0/comptage-routier-capteurs/realtime/push/', 60, 25),
)
REQUEST_TABLE = pl.DataFrame(REQUESTS).select('path', 'bytes', 'milliseconds')
REQUEST_BOUNDS = pl.Series(accumulate(request.share for request in REQUESTS)) / 100  # each kind ends at its number + 1
STATUS_BOUNDS = pl.Series(accumulate(STATUSES.values())) / 10_000
WORDS = pl.Series(['velo', 'arbre', 'parking', 'cantine', 'budget', 'tram', 'logement', 'eau', 'ecole', 'transport'])

CHROME = 'Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 {}Safari/537.36'
SAFARI = 'Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.{} {}'
WINDOWS, MAC, LINUX = 'Windows NT 10.0; Win64; x64', 'Macintosh; Intel Mac OS X 10_15_7', 'X11; Linux x86_64'
ANDROID, IPHONE = 'Linux; Android 10; K', 'iPhone; CPU iPhone OS 18_7 like Mac OS X'
BROWSERS = {
    CHROME.format(WINDOWS, 154, ''): 150,
    CHROME.format(WINDOWS, 153, ''): 40,
    CHROME.format(WINDOWS, 154, '') + ' Edg/154.0.0.0': 75,
    CHROME.format(MAC, 154, ''): 45,
    CHROME.format(LINUX, 154, ''): 16,
    SAFARI.format(MAC, 1, 'Safari/605.1.15'): 40,
    SAFARI.format(MAC, 0, 'Safari/605.1.15'): 14,
    f'Mozilla/5.0 ({WINDOWS}; rv:153.0) Gecko/20100101 Firefox/153.0': 60,
    f'Mozilla/5.0 ({WINDOWS}; rv:140.0) Gecko/20100101 Firefox/140.0': 30,
    f'Mozilla/5.0 ({LINUX}; rv:153.0) Gecko/20100101 Firefox/153.0': 20,
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:153.0) Gecko/20100101 Firefox/153.0': 16,
    CHROME.format(ANDROID, 154, 'Mobile '): 95,
    CHROME.format('Linux; Android 16; SM-S931B', 142, 'Mobile '): 15,
    f'Mozilla/5.0 ({ANDROID}) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 '
    'Mobile Safari/537.36': 20,
    SAFARI.format(IPHONE, 1, 'Mobile/15E148 Safari/604.1'): 85,
    SAFARI.format(IPHONE, 0, 'Mobile/15E148 Safari/604.1'): 25,
    'Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0': 10,
    SAFARI.format('iPad; CPU OS 18_7 like Mac OS X', 1, 'Mobile/15E148 Safari/604.1'): 18,
    CHROME.format('Linux; Android 14; SM-X710', 153, ''): 10,
}
PROGRAMS = {
    'python-requests/2.32.5': 70,
    'python-requests/2.31.0': 30,
    'curl/8.16.0': 26,
    'curl/7.88.1': 16,
    'Wget/1.21.4': 10,
    'Mozilla/5.0 QGIS/34011/Windows 11 Version 2009': 32,
    'Mozilla/5.0 QGIS/34403/Debian GNU/Linux 13 (trixie)': 12,
    'libcurl/8.14.1 r-curl/7.0.0 httr/1.4.7': 22,
    'httr2/1.2.1 r-curl/7.0.0 libcurl/8.14.1': 12,
    'okhttp/4.12.0': 34,
    'okhttp/5.1.0': 16,
    'axios/1.12.2': 18,
    'Go-http-client/2.0': 10,
    'Apache-HttpClient/4.5.14 (Java/17.0.16)': 8,
    'Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)': 16,
}
AGENTS = BROWSERS | PROGRAMS

PEOPLE = """
    marie.curie ada.lovelace emilie.duchatelet sophie.germain rosalind.franklin lise.meitner grace.hopper henri.poincare
    evariste.galois joseph.fourier blaise.pascal pierre.fermat simeon.poisson augustin.fresnel louis.pasteur
    claude.bernard irene.joliot hedy.lamarr emmy.noether alan.turing katherine.johnson jane.goodall rachel.carson
    barbara.mcclintock dorothy.hodgkin chien-shiung.wu vera.rubin jocelyn.bell maria.agnesi hypatie.alexandrie
    nicole.lepaute caroline.herschel mary.somerville charles.minard florence.nightingale john.snow william.playfair
    elisee.reclus paul.vidal michel.serres
"""
GOOGLEBOT = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
BINGBOT = 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)'
AHREFSBOT = 'Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)'
PETALBOT = 'Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/site/petalbot)'
GPTBOT = 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.3; +https://openai.com/gptbot)'
CLAUDEBOT = 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)'

JOBS = (
    Job('etl-mairie', 'FR', Kind.PROGRAM, 'python-requests/2.32.5', '02:15', 800, 1.6),
    Job('app-velos', 'FR', Kind.PROGRAM, 'okhttp/4.12.0', '00:01', 600, 150),
    Job('sig-metropole', 'FR', Kind.PROGRAM, 'FME/2025.1.25615 libcurl/8.12.1', '03:30', 520, 2, weekends=False),
    Job('capteurs-trafic', '10.20.4.17', Kind.PUSH, 'python-requests/2.31.0', '00:03', 300, 300),
    Job('tableau-de-bord', 'BE', Kind.PROGRAM, 'axios/1.12.2', '06:45', 210, 3, weekends=False),
    Job('moissonneur-region', 'FR', Kind.PROGRAM, 'GuzzleHttp/7', '04:05', 210, 1),
    Job('prix-immo', 'US', Kind.PROGRAM, 'Go-http-client/2.0', '01:40', 130, 0.12),
    Job('meteo-collecte', 'FR', Kind.PROGRAM, 'curl/8.16.0', '00:10', 100, 900),
    Job('archives-open', 'CH', Kind.PROGRAM, 'Wget/1.21.4', '23:05', 80, 5, weekends=False),
    Job('labo-mobilite', 'FR', Kind.PROGRAM, 'httr2/1.2.1 r-curl/7.0.0 libcurl/8.14.1', '05:30', 60, 4, weekends=False),
    Job('observatoire-eau', 'FR', Kind.PROGRAM, 'python-httpx/0.28.1', '04:45', 48, 2),
    Job('parkings-panneaux', 'FR', Kind.PROGRAM, 'Apache-HttpClient/4.5.14 (Java/17.0.16)', '00:20', 25, 3600),
    Job('', '10.20.0.5', Kind.PROGRAM, 'curl/7.88.1', '00:02', 150, 600),
    Job('', 'US', Kind.CRAWLER, GOOGLEBOT, '00:00', 344, 262),
    Job('', 'US', Kind.CRAWLER, BINGBOT, '00:00', 178, 508),
    Job('', 'US', Kind.CRAWLER, GPTBOT, '05:10', 240, 11),
    Job('', 'US', Kind.CRAWLER, CLAUDEBOT, '13:20', 110, 19),
    Job('', 'FR', Kind.CRAWLER, AHREFSBOT, '00:00', 125, 720),
    Job('', 'SG', Kind.CRAWLER, PETALBOT, '00:00', 63, 1440),
)


def events(today: date) -> list[Event]:
    """The events of the demo's days up to `today`, oldest first."""
    found = []
    for day, theme in _publications(today - timedelta(DAYS - 1), today):
        dataset, subject, text = PUBLICATIONS[theme]
        start = datetime.combine(day, OPENING, ZONE)
        found.append(Event(start, start + timedelta(3), f'New data set: {subject}', text, ['data set', dataset]))
    return found


def day_of_calls(day: date) -> pl.DataFrame:
    """All calls of a local day, by timestamp, as a source hands them on: the columns and types of `RAW`."""
    random = Random(f'{DOMAIN} {day}')
    calls = pl.DataFrame([*_jobs(day), *_sessions(day, random)])
    calls = calls.with_columns(nth=pl.int_ranges('calls')).explode('nth')
    chances = ('late', 'loyal', 'popular', 'asked', 'answered')
    calls = calls.with_columns(pl.Series(name, [random.random() for _ in range(len(calls))]) for name in chances)
    calls = calls.with_columns(
        pl.Series(name, [random.gauss() for _ in range(len(calls))]) for name in ('size', 'slow')
    )
    request = REQUEST_BOUNDS.search_sorted(calls['kind'] + calls['asked'], side='right')
    status = STATUS_BOUNDS.search_sorted(calls['answered'], side='right')
    popular = ((USUAL + 1) ** pl.col('popular')).floor().cast(pl.Int64) - 1  # as _popular()
    calls = calls.hstack(REQUEST_TABLE[request]).with_columns(
        timestamp=(pl.col('start') + pl.col('nth') * pl.col('gap') + pl.col('late') * pl.col('jitter')).cast(pl.Int64),
        method=pl.when(kind=Kind.PUSH).then(pl.lit('POST')).otherwise(pl.lit('GET')),
        dataset=pl.when(kind=Kind.CRAWLER)
        .then((pl.col('dataset') + pl.col('nth')) % USUAL)  # walks through the catalogue
        .when(pl.col('loyal') < LOYAL)
        .then('dataset')
        .otherwise(popular),
        status=pl.when(kind=Kind.PUSH)
        .then(pl.lit(200))
        .when((pl.col('gap') < HASTY) & (pl.col('loyal') < 0.4))
        .then(pl.lit(429))
        .otherwise(pl.Series(list(STATUSES))[status]),
    )
    word = (pl.col('popular') * len(WORDS)).cast(pl.Int64)
    calls = calls.with_columns(
        path=pl.col('path')
        .str.replace('{dataset}', pl.lit(ALL_DATASETS).gather('dataset'), literal=True)
        .str.replace('{offset}', (pl.col('nth') * 100 % 10_000).cast(pl.String), literal=True)
        .str.replace('{word}', pl.lit(WORDS).gather(word), literal=True)
        .str.replace('{day}', f'{day - timedelta(1)}', literal=True),
        bytes=pl.when(status=200).then(pl.col('bytes') * pl.col('size').exp()).when(status=304).then(0).otherwise(210),
        duration_ms=1
        + pl.col('milliseconds')
        * (0.6 * pl.col('slow')).exp()
        * pl.when(status=200).then(1).when(pl.col('status') >= 500).then(12).otherwise(0.1),
    )
    return (
        calls.filter(pl.col('timestamp') < _moment(day + timedelta(1)))
        .select(pl.col(name).cast(type) for name, type in RAW.items())
        .sort('timestamp', maintain_order=True)
    )


def _jobs(day: date) -> Iterator[Session]:
    """What calls by the clock."""
    for job in JOBS:
        if job.weekends or day.weekday() < SATURDAY:
            random = Random(f'{job.user_id} {job.user_agent}')
            ip = random.choice(_addresses().get(job.home, [job.home]))
            start = _moment(day, time.fromisoformat(job.start))
            gap = round(job.seconds * 1000)
            late = gap if job.kind == Kind.CRAWLER else min(gap, 2000)
            yield Session(ip, job.user_id, job.user_agent, job.kind, start, job.calls, gap, late, _popular(random))


def _sessions(day: date, random: Random) -> Iterator[Session]:
    """What people and their programs do: more on weekdays, in spring and autumn, and after an event."""
    season = 1 - 0.1 * math.cos(4 * math.pi * day.timetuple().tm_yday / 365)
    level = WEEK[day.weekday()] * season * random.gauss(1, 0.04)
    published = list(_publications(day - timedelta(EVENT_EVERY * len(PUBLICATIONS) - 1), day))
    rises = [level * (1.4 * math.exp(-(day - start).days / 2.2) + 0.02) for start, _ in published]
    seen = math.sqrt(level)  # on a quiet day fewer come, and each asks less
    regulars, people = ([one for one in group if random.random() < one.presence * seen] for group in _population())
    newcomers = [_visitor(random) for _ in range(round(NEWCOMERS * level + EVENT_NEWCOMERS * sum(rises)))]
    midnight = _moment(day)
    yield from _bursts(day, random, regulars + newcomers, round(SESSIONS * level), midnight)
    yield from _bursts(day, random, people, round(ACCOUNT_SESSIONS * level), midnight)
    for (start, theme), rise in zip(published, rises, strict=True):
        since = max(midnight, _moment(start, OPENING))
        yield from _bursts(day, random, regulars + newcomers, round(EVENT_SESSIONS * rise), since, USUAL + theme)


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
        yield Session(caller.ip, caller.user_id, caller.user_agent, caller.kind, start, calls, gap, gap, about)


def _publications(first: date, last: date) -> Iterator[tuple[date, int]]:
    """The days from `first` to `last` on which a data set is published, each with its place in PUBLICATIONS."""
    day = first + timedelta((FIRST_EVENT - first).days % EVENT_EVERY)
    while day <= last:
        yield day, (day - FIRST_EVENT).days // EVENT_EVERY % len(PUBLICATIONS)
        day += timedelta(EVENT_EVERY)


def _moment(day: date, at: time = time()) -> int:
    """That local time, in Unix milliseconds."""
    return round(datetime.combine(day, at, ZONE).timestamp() * 1000)


def _popular(random: Random) -> int:
    """A data set: the nth is asked about 1 / n as often as the first (Zipf's law)."""
    return int((USUAL + 1) ** random.random()) - 1


@cache
def _population() -> tuple[list[Visitor], list[Visitor]]:
    """The anonymous visitors who come back, and the people with an account; the same for ever."""
    random = Random(DOMAIN)
    return [_visitor(random) for _ in range(REGULARS)], [_visitor(random, name) for name in PEOPLE.split()]


def _visitor(random: Random, user_id: str = '') -> Visitor:
    """Somebody with a place to call from and something to call with."""
    home, *abroad = (country for country in COUNTRIES.split() if country in _addresses())
    farness = [1 / (rank + 4) for rank in range(len(abroad))]
    country = home if random.random() < HOME else random.choices(abroad, farness)[0]
    ip = random.choice(_addresses()[country])
    agent = random.choices(list(AGENTS), list(AGENTS.values()))[0]
    kind = Kind.BROWSER if agent in BROWSERS else Kind.PROGRAM
    return Visitor(ip, user_id, agent, kind, random.uniform(0.1, 0.8), min(8, random.paretovariate(1.2)))


@cache
def _addresses() -> dict[str, list[str]]:
    """Random public addresses by country, reserved ones left out: those are in no country."""
    random = Random(DOMAIN)
    drawn = [str(IPv4Address(random.getrandbits(32))) for _ in range(80_000)]
    drawn += [str(IPv6Address(random.choice(IPV6_BLOCKS) << 116 | random.getrandbits(116))) for _ in range(10_000)]
    countries: dict[str, list[str]] = {}
    for address, country in zip(drawn, iptocc.country_code(drawn), strict=True):
        if country:
            countries.setdefault(country, []).append(address)
    return countries
