"""The SQL of the Data sets page."""

from grafana.queries import DATASET_CONDITION, DATASET_NAME, PARAMETERS, rows_or_empty, view_with_change

_NAMED = f"{DATASET_CONDITION} AND dataset_id != ''"
SHOWN = 8  # data sets in a chart: those with the most calls

DATASETS_ASKED = view_with_change('datasets', 'datasets_asked', 'nullIf(count(), 0)', where=_NAMED)
DATASET_CALLS = view_with_change('datasets', 'calls', 'nullIf(sum(calls), 0)', where=_NAMED)
DATASET_ERRORS = view_with_change(
    'datasets', 'errors_percent', '100 * sum(errors) / nullIf(sum(calls), 0)', points=True, where=_NAMED
)
DATASET_BYTES = view_with_change('datasets', 'bytes', 'nullIf(sum(bytes), 0)', where=_NAMED)

DATASETS_TABLE = rows_or_empty(
    f"""\
SELECT {DATASET_NAME} AS dataset, calls, queries, download_requests, page_views, users, errors,
    100 * errors / calls AS errors_percent, bytes
FROM datasets({PARAMETERS})
WHERE {DATASET_CONDITION}
ORDER BY calls DESC, dataset
LIMIT 1000""",
    'calls DESC, dataset',
)


# A portal's day begins at `days.time`. Every action is a column, so that its name can be translated.
ACTIONS_OVER_TIME = f"""\
SELECT
    days.time AS time,
    sumIf(counts.calls, counts.action = 'query') AS queries,
    sumIf(counts.calls, counts.action = 'download') AS download_requests,
    sumIf(counts.calls, counts.action = 'page') AS page_views,
    sumIf(counts.calls, counts.action = 'metadata') AS metadata_requests,
    sumIf(counts.calls, counts.action = 'search') AS searches,
    sumIf(counts.calls, counts.action = 'map') AS map_requests,
    sumIf(counts.calls, counts.action = 'other') AS other_calls
FROM activity({PARAMETERS}) AS days
INNER JOIN actions_by_day({PARAMETERS}) AS counts ON counts.day = days.day
GROUP BY time
ORDER BY time"""

_MOST_CALLED = f"""\
(
    SELECT dataset_id FROM datasets({PARAMETERS}) WHERE {_NAMED} ORDER BY calls DESC, dataset_id LIMIT {SHOWN}
) AS most"""

DURATIONS_OVER_TIME = f"""\
SELECT days.time AS time, most.dataset_id::String AS dataset, durations.p95_ms AS p95_ms
FROM activity({PARAMETERS}) AS days
CROSS JOIN
{_MOST_CALLED}
INNER JOIN durations_by_day({PARAMETERS}) AS durations
    ON durations.day = days.day AND durations.dataset_id = most.dataset_id
ORDER BY time, dataset"""


def over_time(value: str) -> str:
    """`calls`, `users`, `errors` or `bytes` per day: a series for each of the data sets with the most calls."""
    return f"""\
SELECT days.time AS time, most.dataset_id::String AS dataset, counts.{value} AS {value}
FROM activity({PARAMETERS}) AS days
CROSS JOIN
{_MOST_CALLED}
LEFT JOIN datasets_by_day({PARAMETERS}) AS counts ON counts.day = days.day AND counts.dataset_id = most.dataset_id
ORDER BY time, dataset"""
