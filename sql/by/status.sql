-- Calls by HTTP status; NULL is unknown.
SELECT
    status,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY status
ORDER BY calls DESC, status
