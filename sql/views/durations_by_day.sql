-- Response times by day and data set, of calls whose duration is known: percentiles with a relative error of at most 1 %
-- (DDSketch, https://www.vldb.org/pvldb/vol12/p2195-masson.pdf).
SELECT
    day,
    {{known_or_requested}} AS dataset_id,
    count() AS calls,
    quantileDD(0.01, 0.5)(duration_ms) AS p50_ms,
    quantileDD(0.01, 0.95)(duration_ms) AS p95_ms,
    quantileDD(0.01, 0.99)(duration_ms) AS p99_ms
FROM {{calls_by_name}} AS parts
{{known}}
WHERE duration_ms IS NOT NULL
GROUP BY day, dataset_id
ORDER BY day, calls DESC, dataset_id
