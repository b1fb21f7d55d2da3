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
SELECT {DATASET_NAME} AS dataset, calls, users, errors, 100 * errors / calls AS errors_percent, bytes
FROM datasets({PARAMETERS})
WHERE {DATASET_CONDITION}
ORDER BY calls DESC, dataset
LIMIT 1000""",
    'calls DESC, dataset',
)


def over_time(value: str) -> str:
    """`calls`, `users`, `errors` or `bytes` per day: a series for each of the data sets with the most calls."""
    return f"""\
SELECT days.time AS time, most.dataset_id::String AS dataset, counts.{value} AS {value}
FROM activity({PARAMETERS}) AS days
CROSS JOIN
(
    SELECT dataset_id FROM datasets({PARAMETERS}) WHERE {_NAMED} ORDER BY calls DESC, dataset_id LIMIT {SHOWN}
) AS most
LEFT JOIN datasets_by_day({PARAMETERS}) AS counts ON counts.day = days.day AND counts.dataset_id = most.dataset_id
ORDER BY time, dataset"""
