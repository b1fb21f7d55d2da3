"""Makes the access log of the benchmark: combined format, 14 days of an open-data portal's API, always the same bytes.

usage: make_log.py LINES ADDRESSES AGENTS OUT
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from agents import Families, families

Numbers = npt.NDArray[np.int64]

SEED = 20261102
START, DAYS = 1793574000, 14  # 2 Nov 2026, midnight in Paris; no clock change in these days
LINES_A_SESSION = 5  # calls of one visitor within minutes
CHUNK = 500_000  # lines written at a time
HOURS = (3, 2, 2, 2, 2, 3, 4, 6, 9, 11, 12, 12, 10, 11, 12, 12, 11, 10, 8, 7, 6, 6, 5, 4)  # relative number of calls by hour

CATALOG = '/api/explore/v2.1/catalog/datasets'
# a request: its share, the text before the data set, whether it has a data set, the text after it, the kind of number at the end
TEMPLATES = (
    (0.24, f'{CATALOG}/', True, '/records?limit=20', ''),
    (0.22, f'{CATALOG}/', True, '/records?limit=100&offset=', 'page'),
    (0.12, f'{CATALOG}/', True, '/records?limit=100&where=within_distance(geo%2C1km%2C', 'place'),
    (0.08, f'{CATALOG}/', True, '/exports/json?timezone=Europe%2FParis&since=', 'moment'),
    (0.09, f'{CATALOG}/', True, '/exports/csv?delimiter=%3B&use_labels=true', ''),
    (0.06, f'{CATALOG}/', True, '', ''),
    (0.05, f'{CATALOG}/', True, '/facets?lang=fr', ''),
    (0.08, '/api/records/1.0/search/?dataset=', True, '&rows=10&start=', 'page'),
    (0.04, f'{CATALOG}?limit=50&offset=', False, '', 'page'),
    (0.02, '/api/explore/v2.1/catalog/facets', False, '', ''),
)
THEMES = (
    'arbres', 'stationnement', 'velos', 'parkings', 'ecoles', 'marches', 'budget', 'elections', 'subventions', 'air',
    'comptages', 'chantiers', 'prenoms', 'musees', 'piscines', 'bornes', 'trafic', 'dechets', 'logements', 'permis',
)  # fmt: skip
PLACES = (
    'centre', 'nord', 'sud', 'est', 'ouest', 'metropole', 'departement', 'region', '2019', '2020',
    '2021', '2022', '2023', '2024', '2025', 'temps-reel', 'historique', 'communes', 'quartiers', 'gares',
)  # fmt: skip
DATA_SETS = [f'{theme}-{place}' for place in PLACES for theme in THEMES]
STATUSES = ('200', '304', '400', '404', '429', '499', '500')
STATUS_SHARES = (0.89, 0.03, 0.025, 0.03, 0.015, 0.005, 0.005)
# whole /8 blocks without private, reserved or documentation ranges; IPv6 prefixes of large providers
IPV4 = [n for n in range(1, 224) if n not in (10, 100, 127, 169, 172, 192, 198, 203)]
IPV6 = ('2a01:cb1', '2a01:e0', '2a02:842', '2003:c', '2600:170', '2601:64', '2409:404', '240e:30', '2804:14')
ESCAPED = '"Mozilla/5.0 (compatible; \\"open data\\" reader 1.0)"'


def zipf(rng: np.random.Generator, size: int, count: int) -> Numbers:
    """Draws ranks from 0 to count - 1. The probability of rank r is about proportional to 1 / (r + 1)."""
    return ((count + 1) ** rng.random(size) - 1).astype(np.int64).clip(0, count - 1)


def addresses(rng: np.random.Generator, count: int) -> pl.Series:
    """Returns public addresses as text; one in twenty is IPv6."""
    numbers = [rng.choice(IPV4, count), *(rng.integers(1, 255, count) for _ in range(3))]
    four = pl.select(pl.concat_str([pl.Series(n).cast(pl.String) for n in numbers], separator='.')).to_series()
    words = rng.integers(1, 1 << 16, (count // 20, 6)).tolist()
    six = [f'{IPV6[i % len(IPV6)]}{w[0] % 16:x}:' + ':'.join(f'{n:x}' for n in w) for i, w in enumerate(words)]
    return pl.concat([four[len(six) :], pl.Series(six, dtype=pl.String)])[rng.permutation(count)]


def agents_of(rng: np.random.Generator, size: int, made: Families) -> Numbers:
    """Draws the user agents of `size` visitors, as numbers: the family by its share, the rank in it by Zipf's law."""
    family = rng.choice(len(made), size, p=[share for share, _ in made])
    answer, first = np.zeros(size, np.int64), 0
    for number, (_, agents) in enumerate(made):
        chosen = family == number
        answer[chosen] = first + zipf(rng, int(chosen.sum()), len(agents))
        first += len(agents)
    return answer


def sessions(rng: np.random.Generator, lines: int, visitors: int, made: Families) -> pl.DataFrame:
    """Returns one row per session: visitor, user agent, start, data set. Each visitor and user agent occurs at least once."""
    count = max(lines // LINES_A_SESSION, visitors)
    visitor = np.concatenate([np.arange(visitors), zipf(rng, count - visitors, visitors)])
    agent = agents_of(rng, visitors, made)[visitor]
    other = rng.random(count) < 0.1  # an address that several people share, or a second device
    agent[other] = agents_of(rng, int(other.sum()), made)
    kinds = min(sum(len(agents) for _, agents in made), visitors)
    agent[visitors - kinds : visitors] = np.arange(kinds)
    hour = rng.choice(24, count, p=np.array(HOURS) / sum(HOURS))
    start = START + rng.integers(0, DAYS, count) * 86400 + hour * 3600 + rng.integers(0, 3600, count)
    return pl.DataFrame({'visitor': visitor, 'agent': agent, 'start': start, 'data': zipf(rng, count, len(DATA_SETS))})


def calls(rng: np.random.Generator, lines: int, starts: Numbers) -> pl.DataFrame:
    """Returns one row per line, in order of time: the number of its session, its time, its page in the session."""
    size = rng.multinomial(lines - len(starts), np.full(len(starts), 1 / len(starts))) + 1
    session = np.repeat(np.arange(len(starts)), size)
    page = np.arange(lines) - np.repeat(np.cumsum(size) - size, size)
    moment = np.minimum(starts[session] + page * rng.integers(1, 20, lines), START + DAYS * 86400 - 1)
    order = np.argsort(moment, kind='stable')
    return pl.DataFrame({'session': session[order], 'moment': moment[order], 'page': page[order]})


def text(rng: np.random.Generator, part: pl.DataFrame) -> pl.DataFrame:
    """Returns the lines of some calls as one text column. `part` has ip, visitor, agent, data, moment and page."""
    size = len(part)
    template = rng.choice(len(TEMPLATES), size, p=[share for share, *_ in TEMPLATES])
    _, before, has_data, after, number = (pl.Series(column)[template] for column in zip(*TEMPLATES, strict=True))
    status = pl.Series(STATUSES)[rng.choice(len(STATUSES), size, p=STATUS_SHARES)]
    east, north = (pl.Series(rng.integers(1000, 10_000, size)).cast(pl.String) for _ in range(2))
    since = pl.Series(rng.integers(0, 86400, size))
    length = pl.Series(rng.lognormal(8.5, 1.5, size).astype(np.int64) + 120).cast(pl.String)
    chance, odd = pl.Series(rng.random(size)), pl.Series(rng.random(size))
    point = pl.concat_str(pl.lit("geom'POINT(2."), east, pl.lit('%2048.'), north, pl.lit(")')"))
    request = pl.concat_str(
        pl.when(chance < 0.9).then(pl.lit('GET ')).when(chance < 0.95).then(pl.lit('POST ')).otherwise(pl.lit('HEAD ')),
        before,
        pl.when(has_data).then('data').otherwise(pl.lit('')),
        after,
        pl.when(number == 'page').then((pl.col('page') * 100).cast(pl.String))
        .when(number == 'place').then(point)
        .when(number == 'moment').then((pl.col('moment') - since).cast(pl.String))
        .otherwise(pl.lit('')),
        pl.lit(' HTTP/1.1'),
    )  # fmt: skip
    browser = pl.col('agent').str.starts_with('Mozilla') & ~pl.col('agent').str.contains('+http', literal=True)
    referer = pl.concat_str(pl.lit('https://data.example.org/explore/dataset/'), 'data', pl.lit('/'))
    moment = pl.from_epoch('moment').dt.replace_time_zone('UTC').dt.convert_time_zone('Europe/Paris')
    account = pl.concat_str(pl.lit('user'), pl.col('visitor') // 50)
    escapes, silent = odd < 0.0001, odd.is_between(0.0001, 0.0002)  # odd lines: escaped quotes; no request
    line = pl.concat_str(
        'ip',
        pl.lit(' - '),
        pl.when(pl.col('visitor') % 50 == 17).then(account).otherwise(pl.lit('-')),
        moment.dt.strftime(' [%d/%b/%Y:%H:%M:%S %z] "'),
        pl.when(silent).then(pl.lit('-')).otherwise(request),
        pl.lit('" '),
        pl.when(silent).then(pl.lit('408')).otherwise(status),
        pl.lit(' '),
        pl.when((status == '304') | silent).then(pl.lit('-')).otherwise(length),
        pl.lit(' "'),
        pl.when(browser & (chance < 0.25)).then(referer).otherwise(pl.lit('-')),
        pl.lit('" '),
        pl.when(escapes).then(pl.lit(ESCAPED)).otherwise(pl.concat_str(pl.lit('"'), 'agent', pl.lit('"'))),
    )
    return part.select(line=line)


def make(lines: int, visitors: int, kinds: int, out: Path) -> None:
    """Writes the log. Needs at most about 100 bytes of memory per line and address."""
    rng = np.random.default_rng(SEED)
    made = families(kinds)
    agents = pl.Series([agent for _, family in made for agent in family])
    ips = addresses(rng, visitors)
    met = sessions(rng, lines, visitors, made)
    rows = calls(rng, lines, met['start'].to_numpy())
    with out.open('wb') as file:
        for part in rows.iter_slices(CHUNK):
            session = met[part['session'].to_numpy()]
            part = part.with_columns(
                session['visitor'],
                ip=ips[session['visitor']],
                agent=agents[session['agent']],
                data=pl.Series(DATA_SETS)[session['data']],
            )
            text(rng, part).write_csv(file, include_header=False, quote_style='never')


if __name__ == '__main__':
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    make(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
