-- Calls by kind of client.
SELECT
    client,
    {{measures_of_calls}}
FROM calls
WHERE {{period}} AND {{counted_calls}} AND {{part}}
GROUP BY client
ORDER BY calls DESC, client
