-- Every single-number indicator in one row and one scan, and what they exclude: calls of crawlers, calls without a place.
SELECT
    sumIf(n, counted) AS calls,
    registered_users + anonymous_users AS total_users,
    uniqHLL12MergeIf(registered, counted) AS registered_users,
    uniqHLL12MergeIf(anonymous, counted) AS anonymous_users,
    if(total_users = 0, NULL, calls / total_users) AS calls_per_user,
    if(total_users = 0, NULL, 100 * anonymous_users / total_users) AS anonymous_users_percent,
    if(calls = 0, NULL, 100 * sumIf(mobile, counted) / calls) AS mobile_users_percent,
    sumIf(unlocated, counted) AS unlocated_calls,
    sumIf(n, crawler) AS crawler_calls
FROM
(
    SELECT
        crawler,
        {{counted_sums}} AS counted,
        days.calls AS n,
        mobile_calls AS mobile,
        days.unlocated_calls AS unlocated,
        registered_users AS registered,
        anonymous_users AS anonymous
    FROM days
    WHERE {{whole_days}}
    UNION ALL
    SELECT
        client = 'crawler' AS crawler,
        {{counted_sums}} AS counted,
        count(),
        countIf(device IN ('phone', 'tablet')),
        countIf(country = ''),
        uniqHLL12StateIf(user_id, user_id != ''),
        uniqHLL12StateIf(visitor, user_id = '')
    FROM calls
    WHERE {{edge_days}}
    GROUP BY crawler
)
