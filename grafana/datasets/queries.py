"""The SQL of the Data sets page."""

from grafana.queries import (
    CATALOGUE,
    DATASET_ID,
    DATASET_TITLE,
    DISTINCT_TITLE,
    IS_CHOSEN_DATASET,
    IS_CHOSEN_PUBLISHER,
    PARAMETERS,
    PUBLISHER,
    SELECTED_CALLS,
    parameters,
    rows_or_empty,
    view_with_change,
)

SHOWN = 8  # data sets in a chart: those with the most calls
NEW_MONTHS = 3  # before the end of the period: for so long a data set is new

_NAMED = f"{IS_CHOSEN_DATASET} AND dataset_id != ''"
_CALLED = f'{_NAMED} AND calls > 0'

DATASETS_ASKED = view_with_change('datasets', 'datasets_asked', 'nullIf(count(), 0)', where=_CALLED)
DATASET_CALLS = view_with_change('datasets', 'calls', 'nullIf(sum(calls), 0)', where=_CALLED)
DATASET_ERRORS = view_with_change(
    'datasets', 'errors_percent', '100 * sum(errors) / nullIf(sum(calls), 0)', points=True, where=_CALLED
)
DATASET_BYTES = view_with_change('datasets', 'bytes', 'nullIf(sum(bytes), 0)', where=_CALLED)
UNUSED_DATASETS = view_with_change('datasets', 'unused_datasets', 'if(count() = 0, NULL, countIf(calls = 0))', where=_NAMED)


def calls_of_kind(kind: str) -> str:
    """`queries`, `downloads` or `page_views` of the chosen data sets, and the change."""
    return view_with_change('datasets', kind, f'if(count() = 0, NULL, sum({kind}))', where=_CALLED)


DATASETS_TABLE = rows_or_empty(
    f"""\
SELECT {DATASET_TITLE} AS dataset, {PUBLISHER} AS publisher, calls, downloads, queries, page_views, users, download_requests,
    errors, 100 * errors / calls AS errors_percent, bytes, {DATASET_ID} AS identifier
FROM datasets({PARAMETERS})
WHERE {IS_CHOSEN_DATASET} AND calls > 0
ORDER BY calls DESC, identifier
LIMIT 1000""",
    'calls DESC, identifier',
)

PUBLISHERS_TABLE = rows_or_empty(
    f"""\
SELECT {PUBLISHER} AS publisher, datasets, calls, downloads, queries, page_views, users
FROM publishers({PARAMETERS})
WHERE {IS_CHOSEN_PUBLISHER}
ORDER BY calls DESC, publisher
LIMIT 1000""",
    'calls DESC, publisher',
)

# Portals may have a data set with the same identifier.
_LISTED = f"""\
(
    SELECT dataset_id AS listed_id, max(created) AS created FROM {CATALOGUE} WHERE name = dataset_id GROUP BY dataset_id
) AS listed ON listed_id = dataset_id"""

NEW_DATASETS = rows_or_empty(
    f"""\
SELECT {DATASET_TITLE} AS dataset, toString(listed.created) AS created, {PUBLISHER} AS publisher, calls, downloads, users,
    {DATASET_ID} AS identifier
FROM datasets({PARAMETERS}) AS asked
INNER JOIN
{_LISTED}
WHERE {_NAMED}
    AND listed.created > addMonths(toDate($__toTime, 'UTC'), -{NEW_MONTHS}) AND listed.created <= toDate($__toTime, 'UTC')
ORDER BY created DESC, dataset, identifier
LIMIT 1000""",
    'created DESC, dataset, identifier',
)

UNUSED_TABLE = rows_or_empty(
    f"""\
SELECT {DATASET_TITLE} AS dataset, ifNull(toString(listed.created), '-') AS created, {PUBLISHER} AS publisher,
    {DATASET_ID} AS identifier
FROM datasets({PARAMETERS}) AS asked
LEFT JOIN
{_LISTED}
WHERE {_NAMED} AND calls = 0
ORDER BY created DESC, dataset, identifier
LIMIT 1000""",
    'created DESC, dataset, identifier',
)

# Whole months: those of the period, and at least the twelve before its end. The day before the first of them makes it whole
# in every time zone.
_FIRST_MONTH = "toStartOfMonth(least(toDate($__fromTime, 'UTC'), addMonths(toDate($__toTime, 'UTC'), -11)))"
_MONTHS = f"""\
datasets_by_month({parameters(f"greatest(0, toUnixTimestamp(toDateTime({_FIRST_MONTH}, 'UTC')) - 86400)")}) AS counts
WHERE {IS_CHOSEN_DATASET} AND counts.month >= {_FIRST_MONTH}"""
_MONTH = 'substring(toString(counts.month), 1, 7)'

MONTHS = f"""\
SELECT {_MONTH} AS month, sum(counts.queries) AS queries, sum(counts.downloads) AS downloads, sum(counts.page_views) AS page_views
FROM {_MONTHS} AND dataset_id != ''
GROUP BY month
ORDER BY month"""

MONTHS_TABLE = rows_or_empty(
    f"""\
SELECT {_MONTH} AS month, {DATASET_TITLE} AS dataset, calls, downloads, queries, page_views, users, {DATASET_ID} AS identifier
FROM {_MONTHS}
ORDER BY month DESC, calls DESC, identifier
LIMIT 1000""",
    'month DESC, calls DESC, identifier',
)

# A portal's day begins at `days.time`. Every action is a column, so that its name can be translated.
ACTIONS_OVER_TIME = f"""\
SELECT
    days.time AS time,
    sumIf(counts.n, counts.action = 'query') AS queries,
    sumIf(counts.n, counts.action = 'download') AS download_requests,
    sumIf(counts.n, counts.action = 'page') AS page_views,
    sumIf(counts.n, counts.action = 'metadata') AS metadata_requests,
    sumIf(counts.n, counts.action = 'search') AS searches,
    sumIf(counts.n, counts.action = 'map') AS map_requests,
    sumIf(counts.n, counts.action = 'other') AS other_calls
FROM activity({PARAMETERS}) AS days
INNER JOIN (SELECT day, action, count() AS n FROM calls WHERE {SELECTED_CALLS} GROUP BY day, action) AS counts
    ON counts.day = days.day
GROUP BY time
ORDER BY time"""

_MOST_CALLED = f"""\
(
    SELECT dataset_id AS identifier, {DISTINCT_TITLE} AS dataset
    FROM datasets({PARAMETERS})
    WHERE {_CALLED}
    ORDER BY calls DESC, identifier
    LIMIT {SHOWN}
) AS most"""

DURATIONS_OVER_TIME = f"""\
SELECT days.time AS time, most.dataset AS dataset, most.identifier::String AS identifier, durations.p95_ms AS p95_ms
FROM activity({PARAMETERS}) AS days
CROSS JOIN
{_MOST_CALLED}
INNER JOIN durations_by_day({PARAMETERS}) AS durations
    ON durations.day = days.day AND durations.dataset_id = most.identifier
ORDER BY time, identifier"""


def over_time(value: str) -> str:
    """`calls`, `users`, `errors` or `bytes` per day: a series for each of the data sets with the most calls."""
    return f"""\
SELECT days.time AS time, most.dataset AS dataset, most.identifier::String AS identifier, ifNull(counts.{value}, 0) AS {value}
FROM activity({PARAMETERS}) AS days
CROSS JOIN
{_MOST_CALLED}
LEFT JOIN datasets_by_day({PARAMETERS}) AS counts ON counts.day = days.day AND counts.dataset_id = most.identifier
ORDER BY time, identifier"""
