-- Calls by country; '' stands for calls without a place.
SELECT
    country,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY country
ORDER BY calls DESC, country
