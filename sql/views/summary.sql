-- Every single-number indicator in one row and one scan, and what they exclude: calls of crawlers, calls that are left out,
-- calls without a place. `suspect_calls`, by browsers from hosting networks, are those of all calls, whether they count or not.
SELECT
    sumIf(n, counted) AS calls,
    registered_users + anonymous_users AS total_users,
    uniqHLL12MergeIf(registered, counted) AS registered_users,
    uniqHLL12MergeIf(anonymous, counted) AS anonymous_users,
    if(total_users = 0, NULL, calls / total_users) AS calls_per_user,
    if(total_users = 0, NULL, 100 * anonymous_users / total_users) AS anonymous_users_percent,
    if(calls = 0, NULL, 100 * sumIf(mobile, counted) / calls) AS mobile_users_percent,
    sumIf(unlocated, counted) AS unlocated_calls,
    sumIf(n, crawler = 1) AS crawler_calls,
    sumIf(n, crawler = 2) AS left_out_calls,
    sum(suspect) AS suspect_calls
FROM
(
    SELECT
        crawler,
        {{counted_sums}} AS counted,
        days.calls AS n,
        mobile_calls AS mobile,
        days.unlocated_calls AS unlocated,
        days.suspect_calls AS suspect,
        registered_users AS registered,
        anonymous_users AS anonymous
    FROM days
    WHERE {{whole_days}}
    UNION ALL
    SELECT
        {{crawler}} AS crawler,
        {{counted_sums}} AS counted,
        count(),
        countIf(device IN ('phone', 'tablet')),
        countIf(country = ''),
        sum(calls.suspect),
        uniqHLL12StateIf(user_id, user_id != ''),
        uniqHLL12StateIf(visitor, user_id = '')
    FROM calls
    WHERE {{edge_days}}
    GROUP BY crawler
)
