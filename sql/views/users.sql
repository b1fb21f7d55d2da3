-- Every account with its calls, its number of days and its last day; all anonymous users are one, `anonymous`.
SELECT
    if(account = '', 'anonymous', account) AS user,
    sum(n) AS calls,
    uniqExact(day) AS days,
    max(day) AS last_day
FROM
(
    SELECT toString(user_id) AS account, day, accounts.calls AS n
    FROM accounts
    WHERE {{whole_days}} AND {{counted_sums}}
    UNION ALL
    SELECT toString(user_id) AS account, day, count() AS n
    FROM calls
    WHERE {{edge_days}} AND {{counted_calls}}
    GROUP BY account, day
)
GROUP BY user
ORDER BY calls DESC, user
