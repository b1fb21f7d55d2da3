-- Like `datasets`, for each day on which a data set has calls.
SELECT
    day,
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
GROUP BY day, dataset_id
ORDER BY day, calls DESC, dataset_id
