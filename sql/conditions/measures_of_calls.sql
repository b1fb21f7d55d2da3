-- What views count of each part of the calls, from `calls`.
count() AS calls,
    uniq({{caller}}) AS users,
    sum(failed) AS errors,
    sum(bytes) AS bytes,
    countIf(action = 'query') AS queries,
    countIf(action = 'download') AS download_requests,
    countIf(action = 'page') AS page_views,
    uniqIf({{download}}, file != 0) AS downloads
