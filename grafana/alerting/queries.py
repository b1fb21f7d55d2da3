"""What each alert asks about every portal or data set: values, and the rows that they come from.

The SQL is for the ClickHouse plugin (`$__fromTime` and `$__toTime` are the ends of a rule's window, which ends now). It names no
database and reads public views and tables only. A row is a portal, or a data set.
"""

from typing import NamedTuple

HOUR, WEEK = 3600, 604_800  # seconds


class Query(NamedTuple):
    """What an alert asks. Its first value decides whether the alert fires, the others explain it."""

    window: int  # seconds
    rows: str  # FROM …
    values: dict[str, str]  # name, SQL
    label: str = 'domain'  # what a row is, in SQL; its last word names the label


# A portal is judged once it has four weeks. Of the four, drops take the second smallest and peaks the second largest: one
# odd week (a holiday, an outage, a campaign) does not count.
_USUAL_ACTIVITY = """\
FROM usual_activity(domains=[], from=toUnixTimestamp($__fromTime), to=toUnixTimestamp($__toTime), crawlers=0)
WHERE length(weeks_before) = 4"""
_CALLS = {'calls': 'toFloat64(calls)', 'usual': 'assumeNotNull(usual)'}
_LEAST_CALLS = 50  # in an hour: with fewer, one visitor makes a difference

# Chance may explain four standard deviations: the root of a Poisson count has a standard deviation of 1/2.
_ROOM_FOR_CHANCE = 2

# Batches of four weeks, without rejects that were read again. `newest` is the time of the newest batch: until another batch
# follows, that one is judged.
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

ACTIVITY_DROPS = Query(
    window=HOUR,
    rows=f'{_USUAL_ACTIVITY} AND arraySort(weeks_before)[2] >= {_LEAST_CALLS}',
    values={'percent_at_most': f'100 * pow(sqrt(calls) + {_ROOM_FOR_CHANCE}, 2) / arraySort(weeks_before)[2]', **_CALLS},
)

ACTIVITY_PEAKS = Query(
    window=HOUR,
    rows=_USUAL_ACTIVITY,
    values={
        'percent_at_least': f'100 * pow(greatest(sqrt(calls) - {_ROOM_FOR_CHANCE}, 0), 2)'
        f' / greatest(arraySort(weeks_before)[3], {_LEAST_CALLS})',
        **_CALLS,
    },
)

# `wait` is the second longest wait between two batches that stored calls: a single outage does not count. It is known after
# a week.
NO_DATA = Query(
    window=4 * WEEK,
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
)

REJECTS_RISE = Query(
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
        'percent_too_many': f'100 * (pow(greatest(sqrt(rejects) - {_ROOM_FOR_CHANCE}, 0), 2) / input - 3 * usual)',
        'percent': '100 * rejects / input',
        'usual_percent': '100 * usual',
    },
)

# At least 5 % of at least 20 lines: a handful of bad lines is usual.
MANY_REJECTS = Query(
    window=4 * WEEK,
    rows=f"""\
FROM
(
    SELECT domain, sum(arraySum(mapValues(rejected))) AS rejects, rejects + sum(stored) AS input
    FROM {_BATCHES} AND at > newest - INTERVAL 1 HOUR
    GROUP BY domain
    HAVING input >= 20
)""",
    values={'percent': '100 * rejects / input', 'rejects': 'toFloat64(rejects)'},
)

# The rule for spikes of COUNTER, https://github.com/Project-Counter/coprd: more than 3 times the mean of the 12 months before,
# plus 100. A data set without downloads in three of these months is new, and everything about it is unusual.
_THIS_MONTH = "toStartOfMonth(toTimeZone($__toTime, 'UTC'))"
_DOWNLOADS = 'toFloat64(sumIf(downloads, month = this_month))'
_YEAR_BEFORE = f"toUnixTimestamp(toDateTime({_THIS_MONTH} - INTERVAL 12 MONTH, 'UTC'))"
DOWNLOADS_PEAK = Query(
    window=WEEK,
    rows=f"""\
FROM
(
    WITH {_THIS_MONTH} AS this_month
    SELECT dataset_id, max(title) AS name, {_DOWNLOADS} AS now, sumIf(downloads, month < this_month) / 12 AS before,
        countIf(month < this_month AND downloads > 0) AS months
    FROM datasets_by_month(domains=[], from={_YEAR_BEFORE}, to=toUnixTimestamp($__toTime), crawlers=0)
    WHERE dataset_id != ''
    GROUP BY dataset_id
    HAVING months >= 3 AND now > 0
)""",
    values={'too_many': 'now - 3 * before - 100', 'downloads': 'now', 'usual': 'before'},
    label="if(name = '', dataset_id, concat(name, ' (', dataset_id, ')')) AS dataset",
)

# The freshest batch of each hour, counted back from the newest: a past log that is read at the same time is not late.
CALLS_ARRIVE_LATE = Query(
    window=4 * WEEK,
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
)
