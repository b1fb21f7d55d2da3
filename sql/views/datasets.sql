-- Calls by data set; '' stands for calls without a data set. A data set that the catalogue lists has a row also without calls.
-- An error is a call that failed: with a status of 400 or more, or as its source says.
SELECT
    {{known_or_requested}} AS dataset_id,
    {{measures}},
    ifNull(max(title), '') AS title,
    ifNull(max(publisher), '') AS publisher,
    ifNull(max(theme), '') AS theme
FROM
(
    SELECT * FROM {{calls_by_month_and_name}}
    UNION ALL
    {{no_calls}}
) AS parts
{{known}}
GROUP BY dataset_id
ORDER BY calls DESC, dataset_id
