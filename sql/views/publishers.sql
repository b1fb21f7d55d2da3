-- Calls by the publisher of the data set; '' stands for calls without a data set and for data sets without a publisher.
-- A publisher of the catalogue has a row also without calls. `datasets`: how many data sets the catalogue lists.
SELECT
    ifNull(known.publisher, '') AS publisher,
    {{measures}},
    uniqExactIf((parts.domain, known_id), ifNull(known_id, '') != '') AS datasets
FROM
(
    SELECT * FROM {{calls_by_month_and_name}}
    UNION ALL
    {{no_calls}}
) AS parts
{{known}}
GROUP BY publisher
ORDER BY calls DESC, publisher
