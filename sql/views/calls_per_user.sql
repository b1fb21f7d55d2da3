-- Indicator 3: calls divided by users; nothing where there are no users.
SELECT
    sum(n) AS calls,
    uniqHLL12Merge(registered) + uniqHLL12Merge(anonymous) AS total_users,
    if(total_users = 0, NULL, calls / total_users) AS calls_per_user
FROM
(
    SELECT days.calls AS n, registered_users AS registered, anonymous_users AS anonymous
    FROM days
    WHERE {{whole_days}} AND {{counted_sums}}
    UNION ALL
    SELECT count(), uniqHLL12StateIf(user_id, user_id != ''), uniqHLL12StateIf(visitor, user_id = '')
    FROM calls
    WHERE {{edge_days}} AND {{counted_calls}}
)
