-- What views count of each part of the calls, from the sums and states of `calls_by_month_and_name`.
sum(n) AS calls,
    uniqMerge(callers) AS users,
    sum(failed_n) AS errors,
    sum(size) AS bytes,
    sum(query_n) AS queries,
    sum(download_n) AS download_requests,
    sum(page_n) AS page_views,
    uniqMerge(files) AS downloads
