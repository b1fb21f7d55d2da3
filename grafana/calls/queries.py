"""The SQL of the API calls page: the calls behind a bar or a place of another page."""

from grafana.circles import IN_CIRCLE
from grafana.queries import PARAMETERS, SELECTED_CALLS, rows_or_empty

_SELECTED = f"""\
{SELECTED_CALLS}
    AND ${{user:singlequote}} IN ('', if(user_id = '', 'anonymous', user_id))
    AND ${{country:singlequote}} IN ('', if(country = '', '-', country))
    AND ${{kind:singlequote}} IN ('any', toString(client))
    AND ${{program:singlequote}} IN ('', if(browser = '', '-', browser))
    AND ${{status_code:singlequote}} IN ('', ifNull(toString(status), '-'))
    AND (${{circle:singlequote}} = '' OR {IN_CIRCLE})"""

NUMBER_OF_CALLS = f"""\
SELECT nullIf(count(), 0) AS calls
FROM calls
WHERE {_SELECTED}"""

CALLS_BY_DAY = f"""\
SELECT days.time AS time, counts.n AS calls
FROM activity({PARAMETERS}) AS days
LEFT JOIN (SELECT day, count() AS n FROM calls WHERE {_SELECTED} GROUP BY day) AS counts USING day
QUALIFY sum(calls) OVER () > 0
ORDER BY time"""

NEWEST_CALLS = rows_or_empty(
    f"""\
SELECT
    timestamp AS time, calls.domain::String AS domain,
    if(user_id = '', 'anonymous', user_id) AS user, toString(visitor) AS visitor_hash,
    client::String AS kind, if(browser = '', '-', browser) AS program, device::String AS device_kind,
    if(country = '', '-', if(city = '', country, concat(city, ', ', country))) AS place,
    method::String AS method_name, path, if(dataset_id = '', '-', dataset_id) AS dataset,
    ifNull(toString(status), '-') AS status_code, bytes, duration_ms AS duration
FROM calls
WHERE {_SELECTED}
ORDER BY timestamp DESC, path
LIMIT 1000""",
    'time DESC, path',
)
