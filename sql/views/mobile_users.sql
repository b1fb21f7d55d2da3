-- Indicator 5: the share of calls from phones and tablets.
SELECT if(sum(n) = 0, NULL, 100 * sum(mobile) / sum(n)) AS mobile_users_percent
FROM
(
    SELECT calls AS n, mobile_calls AS mobile
    FROM days
    WHERE {{whole_days}} AND {{counted_sums}}
    UNION ALL
    SELECT count(), countIf(device IN ('phone', 'tablet'))
    FROM calls
    WHERE {{edge_days}} AND {{counted_calls}}
)
