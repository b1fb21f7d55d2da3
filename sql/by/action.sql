-- Calls by kind of access.
SELECT
    action,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY action
ORDER BY calls DESC, action
