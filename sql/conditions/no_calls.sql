-- The columns of `calls_by_month_and_name` for a data set that the catalogue lists, without calls.
SELECT
    domain,
    toDate(0) AS month,
    known_id AS requested_name,
    known_id AS requested,
    0 AS n, 0 AS failed_n, 0 AS size, 0 AS query_n, 0 AS download_n, 0 AS page_n,
    arrayReduce('uniqState', emptyArrayUInt64()) AS callers,
    arrayReduce('uniqState', emptyArrayUInt64()) AS files
FROM {{known_names}}
WHERE name = known_id
