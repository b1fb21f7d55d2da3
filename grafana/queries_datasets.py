"""What the Data sets page asks."""

from queries import ASKED, CHOSEN_DATASETS, DATASET, changed_in, listed

_NAMED = f"{CHOSEN_DATASETS} AND dataset_id != ''"
SHOWN = 8  # data sets in a chart, those with most calls

DATASETS_ASKED = changed_in('datasets', 'datasets_asked', 'nullIf(count(), 0)', where=_NAMED)
DATASET_CALLS = changed_in('datasets', 'calls', 'nullIf(sum(calls), 0)', where=_NAMED)
DATASET_ERRORS = changed_in('datasets', 'errors_percent', '100 * sum(errors) / nullIf(sum(calls), 0)', points=True, where=_NAMED)
DATASET_BYTES = changed_in('datasets', 'bytes', 'nullIf(sum(bytes), 0)', where=_NAMED)

DATASETS_TABLE = listed(
    f"""\
SELECT {DATASET} AS dataset, calls, users, errors, 100 * errors / calls AS errors_percent, bytes
FROM datasets({ASKED})
WHERE {CHOSEN_DATASETS}
ORDER BY calls DESC, dataset
LIMIT 1000""",
    'calls DESC, dataset',
)


def over_time(value: str) -> str:
    """`calls`, `users`, `errors` or `bytes` of the data sets that are asked most, day by day: a series for each."""
    return f"""\
SELECT days.time AS time, most.dataset_id::String AS dataset, found.{value} AS {value}
FROM activity({ASKED}) AS days
CROSS JOIN
(
    SELECT dataset_id FROM datasets({ASKED}) WHERE {_NAMED} ORDER BY calls DESC, dataset_id LIMIT {SHOWN}
) AS most
LEFT JOIN datasets_by_day({ASKED}) AS found ON found.day = days.day AND found.dataset_id = most.dataset_id
ORDER BY time, dataset"""
