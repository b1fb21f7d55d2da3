"""The SQL of the Users page."""

from grafana.circles import PLACES_WITH_CIRCLE
from grafana.queries import DATASET_ID, DATASET_TITLE, PARAMETERS, rows_or_empty, view_with_change

# No rows if there are no calls: the panel then shows its text for an empty panel.
ACTIVITY = f"""\
SELECT time, calls
FROM activity({PARAMETERS})
QUALIFY sum(calls) OVER () > 0
ORDER BY time"""

TOTAL_USERS = view_with_change('total_users', 'users', 'nullIf(total_users, 0)')
CALLS_PER_USER = view_with_change('calls_per_user', 'calls_per_user', 'calls_per_user')
ANONYMOUS_USERS = view_with_change('anonymous_users', 'anonymous_users_percent', 'anonymous_users_percent', points=True)
MOBILE_USERS = view_with_change('mobile_users', 'mobile_users_percent', 'mobile_users_percent', points=True)

TOP_USERS = f"""\
SELECT user, calls
FROM top_users({PARAMETERS})
ORDER BY calls DESC, user"""

# Largest first: Grafana draws later rows on top. `middle` is how a link names the circle to the API calls page.
MAP_OF_CALLS = f"""\
SELECT
    if(places = 1, circle.2, concat(circle.2, ' + ', toString(places - 1))) AS place,
    circle.3 AS latitude, circle.4 AS longitude, calls, calls AS label, sqrt(calls) AS size,
    concat(toString(latitude), ',', toString(longitude)) AS middle
FROM
(
    SELECT circle, count() AS places, sum(n) AS calls
    FROM
    (
{PLACES_WITH_CIRCLE}
    )
    GROUP BY circle
)
ORDER BY calls DESC, place"""

COUNTRIES = rows_or_empty(
    f"""\
SELECT country, calls, 100 * calls / sum(calls) OVER () AS percent
FROM
(
    SELECT places.country::String AS country, sum(places.calls) AS calls
    FROM map_of_calls({PARAMETERS}) AS places
    GROUP BY country
    UNION ALL
    SELECT '-', unlocated_calls FROM summary({PARAMETERS}) WHERE unlocated_calls > 0
)""",
    'calls DESC, country',
)

# A row for each weekday, a column for each hour; an hour without calls is 0.
HOURS = rows_or_empty(
    f"""\
SELECT toString(weekday) AS weekday_number, {', '.join(f'sumIf(n, hour = {hour}) AS "{hour:02}"' for hour in range(24))}
FROM
(
    SELECT weekday, hour, calls AS n FROM hours({PARAMETERS})
    UNION ALL
    SELECT arrayJoin(range(1, 8)), 0, 0
)
GROUP BY weekday
QUALIFY sum(sum(n)) OVER () > 0""",
    'weekday_number',
)

USERS_BY_KIND = f"""\
SELECT days.time AS time, counts.registered_users AS registered_users, counts.anonymous_users AS anonymous_users
FROM activity({PARAMETERS}) AS days
LEFT JOIN users_by_day({PARAMETERS}) AS counts USING day
QUALIFY sum(days.calls) OVER () > 0
ORDER BY time"""

MOST_ACTIVE_USERS = rows_or_empty(
    f"""\
SELECT user, calls, 100 * calls / sum(calls) OVER () AS percent, days, toString(users.last_day) AS last_day
FROM users({PARAMETERS}) AS users
ORDER BY calls DESC, user
LIMIT 200""",
    'calls DESC, user',
)

ASKED_DATASETS = rows_or_empty(
    f"""\
SELECT {DATASET_TITLE} AS dataset, calls, 100 * calls / sum(calls) OVER () AS percent, {DATASET_ID} AS identifier
FROM datasets({PARAMETERS})
WHERE calls > 0
ORDER BY calls DESC, identifier
LIMIT 200""",
    'calls DESC, identifier',
)

CLIENTS = rows_or_empty(
    f"""\
SELECT
    client::String AS kind, if(browser = '', '-', browser) AS program, calls, users,
    kind AS kind_code
FROM clients({PARAMETERS})
ORDER BY calls DESC, kind, program
LIMIT 200""",
    'calls DESC, kind, program',
)

STATUSES = rows_or_empty(
    f"""\
SELECT ifNull(toString(status), '-') AS status_code, sum(counts.calls) AS calls, 100 * calls / sum(calls) OVER () AS percent
FROM statuses_by_day({PARAMETERS}) AS counts
GROUP BY status""",
    'calls DESC, status_code',
)

AUDIENCES = rows_or_empty(
    f"""\
SELECT if(audience = '', '-', toString(audience)) AS audience, calls, users
FROM audiences({PARAMETERS}) AS counts""",
    'calls DESC, audience',
)

NETWORKS = rows_or_empty(
    f"""\
SELECT if(network = '', '-', toString(network)) AS network, if(as_number = 0, '', toString(as_number)) AS as_number, calls, users
FROM networks({PARAMETERS}) AS counts
ORDER BY calls DESC, network
LIMIT 200""",
    'calls DESC, network, as_number',
)

REFERRERS = rows_or_empty(
    f"""\
SELECT if(host = '', '-', toString(host)) AS site, calls, datasets
FROM referrers({PARAMETERS}) AS counts
ORDER BY calls DESC, site
LIMIT 200""",
    'calls DESC, site',
)

# Without any of these calls, no rows.
EXCLUDED = rows_or_empty(
    f"""\
SELECT kind.1 AS excluded_kind, kind.2 AS calls
FROM
(
    SELECT arrayJoin([('crawlers', crawler_calls), ('left_out', left_out_calls), ('suspect', suspect_calls)]) AS kind
    FROM summary({PARAMETERS})
)
WHERE kind.2 > 0""",
    'calls DESC, excluded_kind',
)
