"""What queries of every page share: SQL that names no database and reads public views and tables only.

Grafana puts in the variables (`${domain:singlequote}`), the ClickHouse plugin the macros (`$__fromTime`: a DateTime).
"""

# Views end a period before `to`, while Grafana ends a day with its last second: 23:59:59 means midnight.
FROM = 'toUnixTimestamp($__fromTime)'
TO = 'toUnixTimestamp($__toTime) + (toSecond($__toTime) = 59)'


def _parameters(start: str, end: str) -> str:
    return f"""domains=[${{domain:singlequote}}],
    from={start}, to={end},
    crawlers=${{crawlers:singlequote}}"""


PARAMETERS = _parameters(FROM, TO)
PREVIOUS_PARAMETERS = _parameters(f'greatest(0, 2 * {FROM} - ({TO}))', FROM)  # the period before, as long as this one

# Data sets that are chosen; "all" is the empty name, so that a query need not name every one of them.
DATASET_NAME = "if(dataset_id = '', '-', dataset_id)"
DATASET_CONDITION = f"('' IN (${{dataset:singlequote}}) OR {DATASET_NAME} IN (${{dataset:singlequote}}))"


def with_change(name: str, this: str, before: str, *, points: bool = False) -> str:
    """A value and how it changed against the period before, as text: in per cent, or in points where it is a share.

    `this` and `before` are queries of one row with the column `value`.
    """
    moved = 'this.value - before.value' if points else '100 * (toFloat64(this.value) - before.value) / nullIf(before.value, 0)'
    unit = ' points' if points else ' %'
    return f"""\
WITH round({moved}) AS moved_by
SELECT
    this.value AS {name},
    ifNull(concat(multiIf(moved_by > 0, '+', moved_by < 0, '-', '±'), toString(abs(moved_by)), '{unit}'), '-') AS change
FROM ({this}) AS this
CROSS JOIN ({before}) AS before"""


def view_with_change(view: str, name: str, value: str, *, points: bool = False, where: str = '1') -> str:
    """As `changed`, of an expression over the columns of a view."""
    this, before = (f'SELECT {value} AS value FROM {view}({asked}) WHERE {where}' for asked in (PARAMETERS, PREVIOUS_PARAMETERS))
    return with_change(name, this, before, points=points)


def rows_or_empty(rows: str, order: str) -> str:
    """Rows for a table, or one without values where there are none: a table that is empty would not say so in words."""
    return f"""\
SELECT * EXCEPT one
FROM (SELECT 1 AS one) AS always
LEFT JOIN (SELECT 1 AS one, * FROM ({rows})) AS found USING one
ORDER BY {order}
SETTINGS join_use_nulls = 1"""


# Also portals of which nothing could be stored.
DOMAINS = 'SELECT DISTINCT domain FROM (SELECT domain FROM domains UNION ALL SELECT domain FROM batches) ORDER BY domain'

DATASETS = f"""\
SELECT {DATASET_NAME} AS dataset
FROM datasets({PARAMETERS})
ORDER BY calls DESC, dataset
LIMIT 1000"""

TAGS = """\
SELECT DISTINCT arrayJoin(tags) AS tag
FROM events
WHERE domain IN ('', ${domain:singlequote})
ORDER BY tag"""

# Events of the portals that are shown, and those of every portal, which name none.
EVENTS = """\
SELECT start AS time, end AS timeEnd, title, text, tags
FROM events
WHERE domain IN ('', ${domain:singlequote}) AND start <= $__toTime AND end >= $__fromTime
    AND ('' IN (${tag:singlequote}) OR hasAny(tags, [${tag:singlequote}]))
ORDER BY start"""
