-- The single numbers of the part, and what they exclude: calls of crawlers, calls that are left out, calls
-- without a place. `suspect_calls` are those of all calls, whether they count or not.
SELECT
    countIf(counted) AS calls,
    uniqIf({{caller}}, counted) AS total_users,
    uniqIf({{caller}}, counted AND user_id != '') AS registered_users,
    toUInt64(greatest(total_users, registered_users) - registered_users) AS anonymous_users,
    if(total_users = 0, NULL, calls / total_users) AS calls_per_user,
    if(total_users = 0, NULL, 100 * anonymous_users / total_users) AS anonymous_users_percent,
    if(calls = 0, NULL, 100 * countIf(counted AND device IN ('phone', 'tablet')) / calls) AS mobile_users_percent,
    countIf(counted AND country = '') AS unlocated_calls,
    countIf(client = 'crawler') AS crawler_calls,
    countIf(client != 'crawler' AND left_out) AS left_out_calls,
    countIf(suspect) AS suspect_calls,
    countIf(counted AND failed) AS errors,
    sumIf(bytes, counted) AS bytes,
    countIf(counted AND action = 'query') AS queries,
    countIf(counted AND action = 'download') AS download_requests,
    countIf(counted AND action = 'page') AS page_views,
    uniqIf({{download}}, counted AND file != 0) AS downloads
FROM (SELECT *, {{counted_calls}} AS counted FROM calls WHERE {{period}} AND {{part}})
