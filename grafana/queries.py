"""SQL that pages share. It names no database and reads public views and tables only.

Grafana replaces the variables (`${domain:singlequote}`), the ClickHouse plugin the macros (`$__fromTime`: a DateTime).
"""

from exporter.model import counting_rules, publications
from exporter.store.clickhouse import quoted

# A view's period ends before `to`, but Grafana ends a day with its last second: second 59 is counted as the full minute.
FROM = 'toUnixTimestamp($__fromTime)'
TO = 'toUnixTimestamp($__toTime) + (toSecond($__toTime) = 59)'


def parameters(start: str, end: str = TO) -> str:
    """The parameters of a view, for a period of Unix seconds."""
    return f"""domains=[${{domain:singlequote}}],
    from={start}, to={end},
    crawlers=${{crawlers:singlequote}}"""


# The parameters of a view, for the period and for the one before, which is as long.
PARAMETERS = parameters(FROM)
PREVIOUS_PARAMETERS = parameters(f'greatest(0, 2 * {FROM} - ({TO}))', FROM)


def _chosen(value: str, variable: str) -> str:
    """Whether a value is chosen. The value of "all" is the empty name, so that a query does not list every name."""
    return f"('' IN (${{{variable}:singlequote}}) OR {value} IN (${{{variable}:singlequote}}))"


# Columns of the views of data sets, and of the catalogue: `-` stands for calls without a data set or a publisher.
DATASET_ID = "if(dataset_id = '', '-', dataset_id)"
PUBLISHER = "if(publisher = '', '-', publisher)"
DATASET_TITLE = f"if(title = '', {DATASET_ID}, title)"
# The same with the identifier behind it where data sets share a title.
DISTINCT_TITLE = f"if(count() OVER (PARTITION BY title) = 1 OR title = '', {DATASET_TITLE}, concat(title, ' (', dataset_id, ')'))"
IS_CHOSEN_PUBLISHER = _chosen(PUBLISHER, 'publisher')
IS_CHOSEN_DATASET = f'{_chosen(DATASET_ID, "dataset")} AND {IS_CHOSEN_PUBLISHER}'

# The names of the data sets of the portal: of each catalogue, the rows of its last update.
CATALOGUE = """\
(
    SELECT domain, name, dataset_id, publisher, created
    FROM catalogue
    WHERE domain IN (${domain:singlequote}) AND (domain, revision) GLOBAL IN
        (SELECT domain, max(revision) FROM catalogue_updates GROUP BY domain)
)"""

# Calls of the chosen data sets and publishers, under each name of a data set. The requested name of a download can be its path.
_REQUESTED = "(domain, if(dataset_id = '' AND action = 'download', path, dataset_id))"
_IS_CHOSEN_CALL = f"""\
(
    ('' IN (${{dataset:singlequote}}) AND '' IN (${{publisher:singlequote}}))
    OR {_REQUESTED} GLOBAL IN (SELECT domain, name FROM {CATALOGUE} WHERE {IS_CHOSEN_DATASET})
    OR {_REQUESTED} GLOBAL NOT IN (SELECT domain, name FROM {CATALOGUE})
        AND {_chosen(DATASET_ID, 'dataset')} AND {_chosen("'-'", 'publisher')}
)"""
# `day` is in the sorting key of the table, so the condition on it is fast. Two more days on each side cover every time zone.
SELECTED_CALLS = f"""\
domain IN (${{domain:singlequote}})
    AND day BETWEEN toDate($__fromTime) - 2 AND toDate($__toTime) + 2
    AND timestamp >= $__fromTime AND timestamp < toDateTime({TO})
    AND (client = 'crawler') <= toUInt8(${{crawlers:singlequote}})
    AND {_IS_CHOSEN_CALL}"""


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

PUBLISHERS = f"""\
SELECT DISTINCT arrayJoin([toString(known.publisher), '-']) AS publisher
FROM {CATALOGUE} AS known
WHERE known.publisher != ''
ORDER BY publisher"""

DATASETS = f"""\
SELECT {DATASET_ID} AS __value, {DISTINCT_TITLE} AS __text
FROM datasets({PARAMETERS})
WHERE {IS_CHOSEN_PUBLISHER}
ORDER BY calls DESC, __value
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
