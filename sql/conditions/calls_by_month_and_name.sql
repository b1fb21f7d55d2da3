-- Calls of the period by portal, month and requested name: whole months from the rollup, the others from `calls`.
(
    SELECT
        domain,
        month,
        if(dataset_id = '', path, toString(dataset_id)) AS requested_name,
        toString(dataset_id) AS requested,
        months.calls AS n,
        months.errors AS failed_n,
        months.bytes AS size,
        months.queries AS query_n,
        months.download_requests AS download_n,
        months.page_views AS page_n,
        months.users AS callers,
        months.downloads AS files
    FROM months
    WHERE {{asked}} AND {{whole_months}} AND {{counted_sums}}
    UNION ALL
    SELECT
        domain,
        toStartOfMonth(day) AS month,
        {{requested_name}} AS requested_name,
        toString(dataset_id) AS requested,
        {{states_of_calls}}
    FROM calls
    WHERE {{cut_months}} AND {{counted_calls}}
    GROUP BY domain, month, requested_name, requested
)
