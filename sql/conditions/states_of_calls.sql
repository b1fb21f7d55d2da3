-- The sums of parts of the calls, and the states of their users and downloads, in the order of the rollup `months`.
count() AS n,
        sum(failed) AS failed_n,
        sum(calls.bytes) AS size,
        countIf(action = 'query') AS query_n,
        countIf(action = 'download') AS download_n,
        countIf(action = 'page') AS page_n,
        uniqState({{caller}}) AS callers,
        uniqStateIf({{download}}, file != 0) AS files
