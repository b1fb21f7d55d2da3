"""The alerts: what each asks about every portal, beyond which value it fires, and what it then says. In English only.

The SQL is for the ClickHouse plugin (`$__fromTime` and `$__toTime` are the ends of a rule's window, which ends now), names no
database and reads public views and tables. A row is a portal. Of a rule's values the first decides, the others explain.
"""

from typing import NamedTuple

HOUR, WEEK = 3600, 604_800  # seconds


class Rule(NamedTuple):
    """One alert. Its section in docs/alerts.md has its title."""

    name: str
    title: str
    window: int  # seconds
    rows: str  # FROM …
    values: dict[str, str]  # what is asked of the rows: name, SQL
    beyond: tuple[str, float]  # gt or lt, the limit
    lasting: str  # for how long, before it fires
    without_rows: str  # Grafana's noDataState
    summary: str  # {name:.0f} is a value, with so many decimals
    panel: tuple[str, int]  # page, number


# A portal is compared once it has four weeks. Of the four the second smallest or largest is taken: one odd week (a holiday,
# an outage, a campaign) does not count.
_USUAL_ACTIVITY = """\
FROM usual_activity(domains=[], from=toUnixTimestamp($__fromTime), to=toUnixTimestamp($__toTime), crawlers=0)
WHERE length(weeks_before) = 4"""
_CALLS = {'calls': 'toFloat64(calls)', 'usual': 'assumeNotNull(usual)'}
_LEAST_CALLS = 50  # of an hour: with fewer, one visitor makes a difference

# How much of a count chance explains: the root of a Poisson count has a standard deviation of 1/2, so this allows for four.
_ROOM = 2

# Batches of four weeks, without rejects that were read again. `newest` is when one was stored last: as long as nothing
# follows, it is what is judged.
_BATCHES = """\
batches
        INNER JOIN
        (
            SELECT domain, max(at) AS newest
            FROM batches
            WHERE state = 'done' AND source != 'retry' AND at <= $__toTime
            GROUP BY domain
        ) AS last USING (domain)
        WHERE state = 'done' AND source != 'retry' AND at > $__fromTime AND at <= $__toTime"""

RULES = (
    Rule(
        name='activity-drops',
        title='Activity drops',
        window=HOUR,
        rows=f'{_USUAL_ACTIVITY} AND arraySort(weeks_before)[2] >= {_LEAST_CALLS}',
        values={'percent_at_most': f'100 * pow(sqrt(calls) + {_ROOM}, 2) / arraySort(weeks_before)[2]', **_CALLS},
        beyond=('lt', 50),
        lasting='10m',
        without_rows='OK',
        summary='{calls:.0f} calls in an hour; {usual:.0f} are usual at this hour of this weekday',
        panel=('users', 1),
    ),
    Rule(
        name='activity-peaks',
        title='Activity peaks',
        window=HOUR,
        rows=_USUAL_ACTIVITY,
        values={
            'percent_at_least': f'100 * pow(greatest(sqrt(calls) - {_ROOM}, 0), 2)'
            f' / greatest(arraySort(weeks_before)[3], {_LEAST_CALLS})',
            **_CALLS,
        },
        beyond=('gt', 200),
        lasting='10m',
        without_rows='OK',
        summary='{calls:.0f} calls in an hour; {usual:.0f} are usual at this hour of this weekday',
        panel=('users', 1),
    ),
    Rule(
        name='no-data',
        title='No data at all',
        window=4 * WEEK,
        # Waits between what was stored, the longest but one: a single outage does not count. Known after a week.
        rows="""\
FROM
(
    SELECT
        domain,
        toUnixTimestamp($__toTime) - toUnixTimestamp(max(at)) AS silence,
        arraySort(groupUniqArray(toUnixTimestamp(toStartOfMinute(at)))) AS moments,
        arrayReverseSort(arrayDifference(moments))[2] AS wait
    FROM batches
    WHERE state = 'done' AND stored > 0 AND at > $__fromTime AND at <= $__toTime
    GROUP BY domain
)""",
        values={
            'waits': f'if(moments[-1] - moments[1] < {WEEK}, 0, silence / greatest(wait, {HOUR // 2}))',
            'hours': 'silence / 3600',
            'usual_hours': 'wait / 3600',
        },
        beyond=('gt', 2),
        lasting='0s',
        without_rows='NoData',
        summary='nothing was stored for {hours:.1f} hours; {usual_hours:.1f} is the longest usual wait',
        panel=('health', 5),
    ),
    Rule(
        name='rejects-rise',
        title='Rejects rise',
        window=4 * WEEK,
        rows=f"""\
FROM
(
    SELECT domain, sumIf(n, recent) AS rejects, sumIf(n + stored, recent) AS input,
        if(sumIf(n + stored, NOT recent) = 0, 0, sumIf(n, NOT recent) / sumIf(n + stored, NOT recent)) AS usual
    FROM
    (
        SELECT domain, stored, arraySum(mapValues(rejected)) AS n, at > newest - INTERVAL 1 HOUR AS recent
        FROM {_BATCHES}
    )
    GROUP BY domain
    HAVING input > 0
)""",
        values={
            'percent_too_many': f'100 * (pow(greatest(sqrt(rejects) - {_ROOM}, 0), 2) / input - 3 * usual)',
            'percent': '100 * rejects / input',
            'usual_percent': '100 * usual',
        },
        beyond=('gt', 1),
        lasting='0s',
        without_rows='OK',
        summary='{percent:.1f} % of the input of the last hour in which some came was rejected; {usual_percent:.1f} % are usual',
        panel=('health', 3),
    ),
    Rule(
        name='calls-arrive-late',
        title='Calls arrive late',
        window=4 * WEEK,
        # Of each hour the freshest batch, back from the newest: what is read of the past at the same time is not late.
        rows=f"""\
FROM
(
    SELECT domain, minIf(late, ago = 0) AS minutes, medianIf(late, ago > 0) AS usual, countIf(ago > 0) AS hours
    FROM
    (
        SELECT domain, intDiv(toUnixTimestamp(newest) - toUnixTimestamp(at), 3600) AS ago,
            min(toUnixTimestamp(at) - toUnixTimestamp(assumeNotNull(last_timestamp))) / 60 AS late
        FROM {_BATCHES} AND last_timestamp IS NOT NULL
        GROUP BY domain, ago
    )
    GROUP BY domain
    HAVING hours >= 3 AND countIf(ago = 0) > 0
)""",
        values={'minutes_too_many': 'minutes - 2 * usual', 'minutes': 'minutes', 'usual_minutes': 'usual'},
        beyond=('gt', 60),
        lasting='0s',
        without_rows='OK',
        summary='the newest calls were {minutes:.0f} minutes old when they were stored; {usual_minutes:.0f} are usual',
        panel=('health', 4),
    ),
)
