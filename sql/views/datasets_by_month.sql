-- Like `datasets`, for each month in which a data set has calls.
SELECT
    month,
    {{known_or_requested}} AS dataset_id,
    {{measures}},
    ifNull(max(title), '') AS title,
    ifNull(max(publisher), '') AS publisher,
    ifNull(max(theme), '') AS theme
FROM {{calls_by_month_and_name}} AS parts
{{known}}
GROUP BY month, dataset_id
ORDER BY month, calls DESC, dataset_id
