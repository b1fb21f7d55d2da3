"""What the Users page asks, but for its map."""

from queries import ASKED, DATASET, changed_in, listed

# No rows at all where no call was made: the panel then says so in words.
ACTIVITY = f"""\
SELECT time, calls
FROM activity({ASKED})
QUALIFY sum(calls) OVER () > 0
ORDER BY time"""

TOTAL_USERS = changed_in('total_users', 'users', 'nullIf(total_users, 0)')
CALLS_PER_USER = changed_in('calls_per_user', 'calls_per_user', 'calls_per_user')
ANONYMOUS_USERS = changed_in('anonymous_users', 'anonymous_users_percent', 'anonymous_users_percent', points=True)
MOBILE_USERS = changed_in('mobile_users', 'mobile_users_percent', 'mobile_users_percent', points=True)

TOP_USERS = f"""\
SELECT user, calls
FROM top_users({ASKED})
ORDER BY calls DESC, user"""

COUNTRIES = listed(
    f"""\
SELECT country, calls, 100 * calls / sum(calls) OVER () AS percent
FROM
(
    SELECT places.country::String AS country, sum(places.calls) AS calls
    FROM map_of_calls({ASKED}) AS places
    GROUP BY country
    UNION ALL
    SELECT '-', unlocated_calls FROM summary({ASKED}) WHERE unlocated_calls > 0
)""",
    'calls DESC, country',
)

# A row for each weekday, a column for each hour; the hours without calls are 0.
HOURS = listed(
    f"""\
SELECT toString(weekday) AS weekday_number, {', '.join(f'sumIf(n, hour = {hour}) AS "{hour:02}"' for hour in range(24))}
FROM
(
    SELECT weekday, hour, calls AS n FROM hours({ASKED})
    UNION ALL
    SELECT arrayJoin(range(1, 8)), 0, 0
)
GROUP BY weekday
QUALIFY sum(sum(n)) OVER () > 0""",
    'weekday_number',
)

USERS_BY_KIND = f"""\
SELECT days.time AS time, found.registered_users AS registered_users, found.anonymous_users AS anonymous_users
FROM activity({ASKED}) AS days
LEFT JOIN users_by_day({ASKED}) AS found USING day
QUALIFY sum(days.calls) OVER () > 0
ORDER BY time"""

MOST_ACTIVE_USERS = listed(
    f"""\
SELECT user, calls, 100 * calls / sum(calls) OVER () AS percent, days, toString(users.last_day) AS last_day
FROM users({ASKED}) AS users
ORDER BY calls DESC, user
LIMIT 200""",
    'calls DESC, user',
)

ASKED_DATASETS = listed(
    f"""\
SELECT {DATASET} AS dataset, calls, 100 * calls / sum(calls) OVER () AS percent
FROM datasets({ASKED})
ORDER BY calls DESC, dataset
LIMIT 200""",
    'calls DESC, dataset',
)

CLIENTS = listed(
    f"""\
SELECT
    client::String AS kind, if(browser = '', '-', browser) AS program, calls, users,
    kind AS kind_code
FROM clients({ASKED})
ORDER BY calls DESC, kind, program
LIMIT 200""",
    'calls DESC, kind, program',
)

STATUSES = listed(
    f"""\
SELECT toString(status) AS status_code, sum(found.calls) AS calls, 100 * calls / sum(calls) OVER () AS percent
FROM statuses_by_day({ASKED}) AS found
GROUP BY status""",
    'calls DESC, status_code',
)
