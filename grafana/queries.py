"""SQL that pages share. It names no database and reads public views and tables only.

Grafana replaces the variables (`${domain:singlequote}`), the ClickHouse plugin the macros (`$__fromTime`: a DateTime).
"""

from exporter.model import counting_rules, publications
from exporter.store.clickhouse import quoted

# A view's period ends before `to`, but Grafana ends a day with its last second: second 59 is counted as the full minute.
FROM = 'toUnixTimestamp($__fromTime)'
TO = 'toUnixTimestamp($__toTime) + (toSecond($__toTime) = 59)'


def _parameters(start: str, end: str) -> str:
    return f"""domains=[${{domain:singlequote}}],
    from={start}, to={end},
    crawlers=${{crawlers:singlequote}}"""


# The parameters of a view, for the period and for the one before, which is as long.
PARAMETERS = _parameters(FROM, TO)
PREVIOUS_PARAMETERS = _parameters(f'greatest(0, 2 * {FROM} - ({TO}))', FROM)

# The value of "all" is the empty name, so that a query does not list every data set.
DATASET_NAME = "if(dataset_id = '', '-', dataset_id)"
DATASET_CONDITION = f"('' IN (${{dataset:singlequote}}) OR {DATASET_NAME} IN (${{dataset:singlequote}}))"


def with_change(name: str, this: str, before: str, *, points: bool = False) -> str:
    """A value, and its change against the previous period as text: in per cent, or in points for a share.

    `this` and `before` are queries of one row with the column `value`.
    """
    change = 'this.value - before.value' if points else '100 * (toFloat64(this.value) - before.value) / nullIf(before.value, 0)'
    unit = ' points' if points else ' %'
    return f"""\
WITH round({change}) AS difference
SELECT
    this.value AS {name},
    ifNull(concat(multiIf(difference > 0, '+', difference < 0, '-', '±'), toString(abs(difference)), '{unit}'), '-') AS change
FROM ({this}) AS this
CROSS JOIN ({before}) AS before"""


def view_with_change(view: str, name: str, value: str, *, points: bool = False, where: str = '1') -> str:
    """Like `with_change`, for an expression over the columns of a view."""
    this, before = (
        f'SELECT {value} AS value FROM {view}({parameters}) WHERE {where}' for parameters in (PARAMETERS, PREVIOUS_PARAMETERS)
    )
    return with_change(name, this, before, points=points)


def rows_or_empty(query: str, order: str) -> str:
    """The rows of a query, or one row of nulls if there are none: Grafana shows no text in a table without rows."""
    return f"""\
SELECT * EXCEPT one
FROM (SELECT 1 AS one) AS always
LEFT JOIN (SELECT 1 AS one, * FROM ({query})) AS listed USING one
ORDER BY {order}
SETTINGS join_use_nulls = 1"""


# The ledger also has portals without any stored call.
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


def events(language: str) -> str:
    """The events of the portal that overlap the period. An event without a domain belongs to every portal."""
    return f"""\
SELECT start AS time, end AS timeEnd, {_event_texts(language)}
FROM events
WHERE domain IN ('', ${{domain:singlequote}}) AND start <= $__toTime AND end >= $__fromTime
    AND ('' IN (${{tag:singlequote}}) OR hasAny(tags, [${{tag:singlequote}}]))
ORDER BY start"""


def _event_texts(language: str) -> str:
    """The columns `title`, `text` and `tags`. Events that the program adds are stored in English, and translated by their id."""
    if language == 'en':
        return 'title, text, tags'
    descriptions = counting_rules.descriptions(language)
    ids = ', '.join(map(quoted, descriptions))
    titles, texts = (', '.join(map(quoted, column)) for column in zip(*descriptions.values(), strict=True))
    published = 'events.title'
    for pattern, translation in publications.TRANSLATIONS[language]:
        published = f'replaceRegexpOne({published}, {quoted(pattern)}, {quoted(translation)})'
    other_titles = f"if(startsWith(id, '{publications.PREFIX}'), {published}, events.title)"
    return f"""tags,
    transform(id, [{ids}], [{titles}], {other_titles}) AS title,
    transform(id, [{ids}], [{texts}], events.text) AS text"""
