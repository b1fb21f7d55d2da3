-- Like `datasets`, for each day on which a data set has calls.
SELECT
    day,
    {{known_or_requested}} AS dataset_id,
    {{measures_of_calls}},
    ifNull(max(title), '') AS title,
    ifNull(max(publisher), '') AS publisher,
    ifNull(max(theme), '') AS theme
FROM {{calls_by_name}} AS parts
{{known}}
GROUP BY day, dataset_id
ORDER BY day, calls DESC, dataset_id
