-- Indicator 2: unique users, estimated (HyperLogLog of 4,096 cells): accounts, and visitors who are not logged in.
SELECT
    registered_users + anonymous_users AS total_users,
    uniqHLL12Merge(registered) AS registered_users,
    uniqHLL12Merge(anonymous) AS anonymous_users
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
