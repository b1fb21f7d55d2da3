-- Indicator 4: the share of users who are not logged in, in percent: accounts and visitors are disjoint.
SELECT if(users = 0, NULL, 100 * anonymous_users / users) AS anonymous_users_percent
FROM
(
    SELECT uniqHLL12Merge(anonymous) AS anonymous_users, uniqHLL12Merge(registered) + anonymous_users AS users
    FROM
    (
        SELECT registered_users AS registered, anonymous_users AS anonymous
        FROM days
        WHERE {{whole_days}} AND {{counted_sums}}
        UNION ALL
        SELECT uniqHLL12StateIf(user_id, user_id != ''), uniqHLL12StateIf(visitor, user_id = '')
        FROM calls
        WHERE {{edge_days}} AND {{counted_calls}}
    )
)
