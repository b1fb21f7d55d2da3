-- Calls by the host of the referring page, and how many data sets they ask for; (own) stands for the portal, '' for calls without
-- a referrer.
SELECT
    referrer_host AS host,
    {{measures_of_calls}},
    uniqExactIf((parts.domain, {{known_or_requested}} AS dataset), dataset != '') AS datasets
FROM {{calls_by_name}} AS parts
{{known}}
GROUP BY host
ORDER BY calls DESC, host
