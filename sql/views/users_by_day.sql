-- Estimated users of each day with calls: accounts, and anonymous visitors. The days do not add up to the users of a period.
SELECT
    day,
    uniqHLL12Merge(registered) AS registered_users,
    uniqHLL12Merge(anonymous) AS anonymous_users
FROM
(
    SELECT day, days.registered_users AS registered, days.anonymous_users AS anonymous
    FROM days
    WHERE {{whole_days}} AND {{counted_sums}}
    UNION ALL
    SELECT day, uniqHLL12StateIf(user_id, user_id != ''), uniqHLL12StateIf(visitor, user_id = '')
    FROM calls
    WHERE {{edge_days}} AND {{counted_calls}}
    GROUP BY day
)
GROUP BY day
ORDER BY day
