-- Calls by data set; '' stands for calls without a data set. An error is a call that failed: with a status of 400 or more, or as its source says.
SELECT
    dataset_id,
    count() AS calls,
    uniqHLL12If(user_id, user_id != '') + uniqHLL12If(visitor, user_id = '') AS users,
    sum(failed) AS errors,
    sum(calls.bytes) AS bytes,
    countIf(action = 'query') AS queries,
    countIf(action = 'download') AS download_requests,
    countIf(action = 'page') AS page_views
FROM calls
WHERE {{period}} AND {{counted_calls}}
GROUP BY dataset_id
ORDER BY calls DESC, dataset_id
