"""The SQL of the Health page. It reads the ledger, `batches`: WHERE state = 'done' counts each batch once."""

from grafana.queries import FROM, TO, rows_or_empty, with_change

_DONE = "state = 'done' AND domain IN (${domain:singlequote})"
_IN_PERIOD = f'{_DONE} AND at >= $__fromTime AND at < toDateTime({TO})'
_BEFORE = f'{_DONE} AND at >= toDateTime(greatest(0, 2 * {FROM} - ({TO}))) AND at < $__fromTime'


def _value_and_change(name: str, value: str) -> str:
    this, before = (f'SELECT nullIf({value}, 0) AS value FROM batches WHERE {when}' for when in (_IN_PERIOD, _BEFORE))
    return with_change(name, this, before)


STORED = _value_and_change('stored_calls', 'sum(stored)')
REJECTED = _value_and_change('rejected_lines', 'sum(arraySum(mapValues(rejected)))')

# In milliseconds, which Grafana shows as "an hour ago".
NEWEST_CALL = f"""\
SELECT toUnixTimestamp64Milli(max(last_timestamp)) AS newest
FROM batches
WHERE {_DONE}"""

# Batches that began longer ago than a batch takes and are not done: the next import of the log finishes them.
CUT_OFF = """\
SELECT count() AS cut_off
FROM
(
    SELECT batch_id
    FROM batches
    WHERE domain IN (${domain:singlequote})
    GROUP BY domain, batch_id
    HAVING max(state) = 'begun' AND max(at) < now() - 600
)"""

LINES_OVER_TIME = f"""\
SELECT
    $__timeInterval(at) AS time,
    sum(stored) AS stored_calls, sum(skipped) AS skipped_lines, sum(arraySum(mapValues(rejected))) AS rejected_lines
FROM batches
WHERE {_IN_PERIOD}
GROUP BY time
ORDER BY time"""

REJECTED_OVER_TIME = f"""\
SELECT $__timeInterval(at) AS time, pair.1::String AS reason, sum(pair.2) AS lines
FROM batches
ARRAY JOIN arrayZip(mapKeys(rejected), mapValues(rejected)) AS pair
WHERE {_IN_PERIOD}
GROUP BY time, reason
ORDER BY time, reason"""

REJECTED_BY_REASON = rows_or_empty(
    f"""\
SELECT
    pair.1::String AS reason, sum(pair.2) AS lines,
    100 * lines / (SELECT sum(stored + skipped + arraySum(mapValues(rejected))) FROM batches WHERE {_IN_PERIOD}) AS percent,
    max(at) AS last_at
FROM batches
ARRAY JOIN arrayZip(mapKeys(rejected), mapValues(rejected)) AS pair
WHERE {_IN_PERIOD}
GROUP BY reason""",
    'lines DESC, reason',
)

# Seconds from the answer to a call until its storage, for the oldest and the newest call of the batches.
LATENESS = f"""\
SELECT
    $__timeInterval(at) AS time,
    max(dateDiff('second', first_timestamp, at)) AS oldest_call, min(dateDiff('second', last_timestamp, at)) AS newest_call
FROM batches
WHERE {_IN_PERIOD} AND stored > 0
GROUP BY time
ORDER BY time"""

IMPORTS = rows_or_empty(
    f"""\
SELECT
    max(at) AS imported_at, batches.domain::String AS domain, source::String AS source_name, origin, sum(stored) AS stored_calls,
    sum(skipped) AS skipped_lines, sum(arraySum(mapValues(rejected))) AS rejected_lines,
    min(first_timestamp) AS first_call, max(last_timestamp) AS last_call, toString(max(geo_date)) AS geo_day
FROM batches
WHERE {_IN_PERIOD}
GROUP BY batches.domain, source, origin, log
ORDER BY imported_at DESC, domain, origin
LIMIT 500""",
    'imported_at DESC, domain, origin',
)

GEOLOCATION = rows_or_empty(
    f"""\
SELECT
    ifNull(toString(geo_date), '-') AS geo_day, sum(stored) AS stored_calls, min(at) AS first_used, max(at) AS last_used
FROM batches
WHERE {_IN_PERIOD} AND stored > 0
GROUP BY geo_date""",
    'geo_day DESC',
)
